internal import CLinux
package import LinuxSystem
package import SystemPackage

/// Finished layers seen as one tree, topmost first, by the rules of overlayfs: whiteouts, opaque directories, an upper
/// non-directory hides all below. Read-only, and every step is one component, so that no link leads out.
package final class MergedTree {
    private var layers: [SharedDescriptor]

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
    struct Found: ~Copyable {
        let parent: OwnedDescriptor
        let name: [UInt8]
        let status: stat
    }

    /// Looks a path up without following links; nil when the merged view has nothing there.
    func find(_ path: [[UInt8]]) throws(Errno) -> Found? {
        guard let name = path.last else { return nil }
        for layer in layers {
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
                return Found(parent: directory, name: name, status: status)
            }
            if hidesBelow { return nil }
        }
        return nil
    }

    /// The names in the root directory.
    func rootNames() throws(Errno) -> Set<[UInt8]> {
        var seen: Set<[UInt8]> = []
        var present: Set<[UInt8]> = []
        for layer in layers {
            for name in try FileCalls.names(in: layer.rawValue) where seen.insert(name).inserted {
                if let status = try FileCalls.status(name, at: layer.rawValue), !FileCalls.isWhiteout(status) { present.insert(name) }
            }
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
