internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension LayerWriter {
    static func key(_ path: [[UInt8]]) -> [UInt8] { Array(path.joined(separator: [UInt8(ascii: "/")])) }
    func key(of name: [UInt8]) -> [UInt8] { Self.key(chain.map(\.name) + [name]) }

    /// The physical path of a name in the directory that was entered last.
    func physicalPath(of name: [UInt8]) -> [[UInt8]] { chain.map(\.name) + [name] }

    /// Goes to the directory of an entry; directories that the archive takes for granted are made with what they have below.
    func enter(_ parent: ArraySlice<[UInt8]>, _ entry: TarEntry) throws(UnpackFailure) -> SharedDescriptor {
        guard let directory = try walk(parent, entry, inventing: true) else {
            throw UnpackFailure(.parentNotDirectory, entry: entry.name)
        }
        return directory
    }

    /// As `enter`; nil when a directory on the way is missing and none may be invented.
    func walk(
        _ parent: ArraySlice<[UInt8]>, _ entry: TarEntry, inventing: Bool
    ) throws(UnpackFailure) -> SharedDescriptor? {
        if let lastParent, lastParent == parent { return chain.last?.directory ?? root }
        var rest = Array(parent.reversed())
        var depth = 0
        var hops = 0
        func follow(_ target: [UInt8]) throws(UnpackFailure) {
            hops += 1
            if hops > 40 { throw UnpackFailure(.linkLoop, entry: entry.name) }
            if target.first == UInt8(ascii: "/") { depth = 0 }
            let parts = target.split(separator: UInt8(ascii: "/")).map(Array.init)
            // Else a parent would be invented under a name that means a removal.
            try refuseMarks(in: parts, entry.name)
            rest += parts.reversed()
        }
        while let name = rest.popLast() {
            if name.elementsEqual(".".utf8) { continue }
            if name.elementsEqual("..".utf8) {
                // Above a directory that turns out to be a link lies something else.
                if depth > 0 { deferred.becameAmbiguous(Self.key(chain[..<depth].map(\.name))) }
                depth = max(0, depth - 1)
                continue
            }
            if depth < chain.count, chain[depth].name == name {
                depth += 1
                continue
            }
            chain.removeSubrange(depth...)
            guard depth < Int(limits.pathDepth) else { throw UnpackFailure(.pathTooLong, entry: entry.name) }
            let directory = chain.last?.directory ?? root
            if try descend(name, directory, entry.name) {
                depth += 1
                continue
            }
            let status = try system(entry.name) { () throws(Errno) in try FileCalls.status(name, at: directory.rawValue) }
            if let status, FileCalls.isLink(status) {
                try follow(try system(entry.name) { () throws(Errno) in try FileCalls.target(of: name, at: directory.rawValue) })
                continue
            }
            if let status, !FileCalls.isWhiteout(status) { throw UnpackFailure(.parentNotDirectory, entry: entry.name) }
            if !inventing {
                lastParent = nil
                return nil
            }
            if status == nil, let target = try assume(name, directory, entry) {
                try follow(target)
                continue
            }
            if status != nil { try makeDirectory(name, in: directory, Attributes(), entry.name) }
            guard try descend(name, directory, entry.name) else { throw UnpackFailure(.parentNotDirectory, entry: entry.name) }
            depth += 1
        }
        chain.removeSubrange(depth...)
        lastParent = parent
        return chain.last?.directory ?? root
    }

    /// Opens a directory and makes it the last of the chain. False when the name is none.
    func descend(_ name: [UInt8], _ directory: SharedDescriptor, _ entry: [UInt8]) throws(UnpackFailure) -> Bool {
        do throws(Errno) {
            let inner = try FileCalls.open(name, at: directory.rawValue, flags: FileCalls.directoryFlags)
            chain.append((name, SharedDescriptor(inner)))
            return true
        } catch .noSuchFileOrDirectory {
            return false
        } catch .notDirectory {
            return false
        } catch .tooManySymbolicLinkLevels {
            return false
        } catch { throw .system(error, entry: entry) }
    }

    /// A parent that the archive does not bring: as it is below, or 0755 of root. Where the view below has a link, its target is
    /// returned and nothing is made. While the layers below are unknown, the directory is made and noted.
    private func assume(_ name: [UInt8], _ directory: SharedDescriptor, _ entry: TarEntry) throws(UnpackFailure) -> [UInt8]? {
        var attributes = Attributes()
        attributes.seconds = entry.attributes.seconds
        let path = physicalPath(of: name)
        if below == nil {
            try makeDirectory(name, in: directory, attributes, entry.name)
            if !isHidden(path) { deferred.assume(path, key: Self.key(path)) }
            return nil
        }
        if let found = try findBelow(path, entry.name) {
            if FileCalls.isLink(found.status) {
                return try system(entry.name) { () throws(Errno) in try FileCalls.target(of: found.name, at: found.parent.rawValue) }
            }
            if FileCalls.isDirectory(found.status) {
                attributes = try system(entry.name) { () throws(Errno) in try Self.attributes(ofDirectory: found) }
            }
        }
        try makeDirectory(name, in: directory, attributes, entry.name)
        return nil
    }

    static func attributes(ofDirectory found: borrowing MergedTree.Found) throws(Errno) -> Attributes {
        let source = try FileCalls.open(found.name, at: found.parent.rawValue, flags: FileCalls.directoryFlags)
        return try Attributes(of: source.rawValue)
    }

    /// Whether this layer, as far as it has come, hides what the layers below have at a physical path.
    func isHidden(_ path: [[UInt8]]) -> Bool {
        rootIsOpaque || path.indices.dropFirst().contains { directories[Self.key(Array(path[..<$0]))]?.isOpaque == true }
    }

    /// What the layers below have at a physical path, unless this layer hides it.
    func findBelow(_ path: [[UInt8]], _ entry: [UInt8]) throws(UnpackFailure) -> MergedTree.Found? {
        guard let below else { throw UnpackFailure(.belowNeeded, entry: entry) }
        report.neededBelow = true
        if isHidden(path) { return nil }
        do throws(Errno) { return try below.find(path) } catch { throw .system(error, entry: entry) }
    }
}
