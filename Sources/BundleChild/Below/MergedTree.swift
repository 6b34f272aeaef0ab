package import CLinux
internal import Glibc
package import LinuxSystem
package import SystemPackage

/// Finished layers seen as one tree, topmost first, by the rules of overlayfs: whiteouts, opaque directories, an upper
/// non-directory hides all below. Read-only, and every step is one component, so that no link leads out.
package final class MergedTree {
    private var layers: [SharedDescriptor]
    /// Paths of files with several names, by layer and inode; read when they are first asked for.
    private var names: [Int: [UInt64: [[[UInt8]]]]] = [:]

    /// - Parameter layers: the directories of the layers, topmost first.
    package init(_ layers: [SharedDescriptor]) { self.layers = layers }

    /// Opens the layers by name in one directory, topmost first.
    convenience init(names: [String], in directory: CInt) throws(Errno) {
        var layers: [SharedDescriptor] = []
        for name in names {
            layers.append(
                SharedDescriptor(try FileCalls.open(Array(name.utf8), at: directory, flags: FileCalls.directoryFlags)))
        }
        self.init(layers)
    }

    /// A name that was found, and the directory it lies in.
    package struct Found: ~Copyable {
        package let parent: OwnedDescriptor
        package let name: [UInt8]
        package let status: stat
        /// The layer, counted from the top.
        let layer: Int
    }

    /// Looks a path up without following links; nil when the merged view has nothing there.
    package func find(_ path: [[UInt8]]) throws(Errno) -> Found? {
        guard let name = path.last else { return nil }
        for (number, layer) in layers.enumerated() {
            var directory = try layer.duplicate()
            var hidesBelow = false
            var missing = false
            for component in path.dropLast() {
                guard let status = try FileCalls.status(component, at: directory.rawValue) else {
                    missing = true
                    break
                }
                guard FileCalls.isDirectory(status) else { return nil }
                directory = try FileCalls.open(component, at: directory.rawValue, flags: FileCalls.directoryFlags)
                if try ExtendedAttributes.isOpaque(directory.rawValue) { hidesBelow = true }
            }
            if !missing, let status = try FileCalls.status(name, at: directory.rawValue) {
                if FileCalls.isWhiteout(status) { return nil }
                return Found(parent: directory, name: name, status: status, layer: number)
            }
            if hidesBelow { return nil }
        }
        return nil
    }

    /// All names of a file in the layer where it was found.
    func otherNames(of found: borrowing Found) throws(Errno) -> [[[UInt8]]] {
        if names[found.layer] == nil {
            var all: [UInt64: [[[UInt8]]]] = [:]
            try Self.collect(layers[found.layer].rawValue, [], &all)
            names[found.layer] = all
        }
        return names[found.layer]?[UInt64(found.status.st_ino)] ?? []
    }

    private static func collect(
        _ directory: CInt, _ path: [[UInt8]], _ all: inout [UInt64: [[[UInt8]]]]
    ) throws(Errno) {
        for name in try FileCalls.names(in: directory) {
            guard let status = try FileCalls.status(name, at: directory) else { continue }
            if FileCalls.isDirectory(status) {
                let inner = try FileCalls.open(name, at: directory, flags: FileCalls.directoryFlags)
                try collect(inner.rawValue, path + [name], &all)
            } else if status.st_nlink > 1 && !FileCalls.isWhiteout(status) {
                all[UInt64(status.st_ino), default: []].append(path + [name])
            }
        }
    }

    /// The names in the root directory.
    func rootNames() throws(Errno) -> Set<[UInt8]> { try names(in: []) }

    /// The names in a directory, without following links; none where the merged view has no directory there.
    package func names(in path: [[UInt8]]) throws(Errno) -> Set<[UInt8]> {
        var seen: Set<[UInt8]> = []
        var present: Set<[UInt8]> = []
        for layer in layers {
            var directory = try layer.duplicate()
            var hidesBelow = false
            var missing = false
            for component in path {
                guard let status = try FileCalls.status(component, at: directory.rawValue) else {
                    missing = true
                    break
                }
                guard FileCalls.isDirectory(status) else { return present }
                directory = try FileCalls.open(component, at: directory.rawValue, flags: FileCalls.directoryFlags)
                if try ExtendedAttributes.isOpaque(directory.rawValue) { hidesBelow = true }
            }
            if !missing {
                for name in try FileCalls.names(in: directory.rawValue) where seen.insert(name).inserted {
                    if let status = try FileCalls.status(name, at: directory.rawValue), !FileCalls.isWhiteout(status) {
                        present.insert(name)
                    }
                }
            }
            if hidesBelow { break }
        }
        return present
    }

    /// Where a path leads when links are followed inside the root.
    private func resolve(_ path: [UInt8], followLast: Bool = true) throws(Errno) -> [[UInt8]] {
        var rest = Array(path.split(separator: UInt8(ascii: "/")).map(Array.init).reversed())
        var physical: [[UInt8]] = []
        var hops = 0
        while let component = rest.popLast() {
            if component.elementsEqual(".".utf8) { continue }
            if component.elementsEqual("..".utf8) {
                _ = physical.popLast()
                continue
            }
            guard let found = try find(physical + [component]) else { throw .noSuchFileOrDirectory }
            guard FileCalls.isLink(found.status), followLast || !rest.isEmpty else {
                if !rest.isEmpty && !FileCalls.isDirectory(found.status) { throw .notDirectory }
                physical.append(component)
                continue
            }
            hops += 1
            if hops > 40 { throw .tooManySymbolicLinkLevels }
            let target = try FileCalls.target(of: found.name, at: found.parent.rawValue)
            if target.first == UInt8(ascii: "/") { physical = [] }
            rest += target.split(separator: UInt8(ascii: "/")).map(Array.init).reversed()
        }
        return physical
    }

    /// What a path is.
    package enum Kind: Sendable, Hashable {
        case file, directory, other
    }

    /// What lies at a path, links followed inside the root; nil when nothing does.
    package func kind(of path: String) throws(Errno) -> Kind? {
        do throws(Errno) {
            let physical = try resolve(Array(path.utf8))
            if physical.isEmpty { return .directory }
            guard let found = try find(physical) else { return nil }
            return FileCalls.isDirectory(found.status) ? .directory : FileCalls.isFile(found.status) ? .file : .other
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }

    /// Opens a regular file for reading, links followed inside the root.
    /// - Returns: nil where there is no such file.
    /// - Throws: `Errno.tooManySymbolicLinkLevels`, `Errno.notDirectory`, `Errno.invalidArgument` for what is no regular file.
    package func open(_ path: String) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) {
            let physical = try resolve(Array(path.utf8))
            guard let found = try find(physical) else { return nil }
            // Never opened otherwise: a fifo would block, a device would act.
            guard FileCalls.isFile(found.status) else { throw .invalidArgument }
            return try FileCalls.open(found.name, at: found.parent.rawValue, flags: O_RDONLY | O_NONBLOCK)
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }
}
