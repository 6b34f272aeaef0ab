internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension LayerWriter {
    /// A hard link. Its target lies in this layer, or below: then it is copied up first, as overlayfs would, so that both names stay one
    /// file.
    func makeHardLink(_ name: [UInt8], _ path: EntryPath, target: [UInt8], _ entry: TarEntry) throws(UnpackFailure) {
        let target = try EntryPath(target, limits: limits)
        guard let targetName = target.components.last else { throw UnpackFailure(.missingLinkTarget, entry: entry.name) }
        let source = try enter(target.components.dropLast(), entry)
        let physical = physicalPath(of: targetName)
        let status = try system(entry.name) { () throws(Errno) in try FileCalls.status(targetName, at: source.rawValue) }
        if let status {
            // A whiteout of this layer is no file, and a directory has one name.
            guard !FileCalls.isWhiteout(status), !FileCalls.isDirectory(status) else {
                throw UnpackFailure(.missingLinkTarget, entry: entry.name, detail: Self.joined(target))
            }
        } else {
            try copyUp(physical, into: source, targetName, entry)
        }
        let parent = try enter(path.components.dropLast(), entry)
        if physicalPath(of: name) == physical { return }
        do throws(UnpackFailure) {
            try create(name, in: parent, entry.name) { () throws(Errno) in
                try FileCalls.link(targetName, at: source.rawValue, to: name, at: parent.rawValue)
            }
        } catch {
            // Replacing the name removed the target with it.
            if error.errno == .noSuchFileOrDirectory {
                throw UnpackFailure(.missingLinkTarget, entry: entry.name, detail: Self.joined(target))
            }
            throw error
        }
    }

    private static func joined(_ path: EntryPath) -> [UInt8] { Array(path.components.joined(separator: [UInt8(ascii: "/")])) }

    private func copyUp(
        _ physical: [[UInt8]], into parent: SharedDescriptor, _ name: [UInt8], _ entry: TarEntry
    ) throws(UnpackFailure) {
        guard let found = try findBelow(physical, entry.name), !FileCalls.isDirectory(found.status) else {
            throw UnpackFailure(.missingLinkTarget, entry: entry.name, detail: Array(physical.joined(separator: [UInt8(ascii: "/")])))
        }
        if FileCalls.isFile(found.status) {
            let (file, attributes): (SharedDescriptor, Attributes) = try system(entry.name) { () throws(Errno) in
                let source = try FileCalls.open(found.name, at: found.parent.rawValue, flags: O_RDONLY)
                let attributes = try Attributes(of: source.rawValue)
                let file = try FileCalls.open(
                    name, at: parent.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL, mode: attributes.mode & 0o777)
                try Self.copy(source, to: file)
                return (SharedDescriptor(file), attributes)
            }
            try setAttributes(attributes, on: file.rawValue, isNew: true, entry.name)
            return
        }
        let status = found.status
        try system(entry.name) { () throws(Errno) in
            if FileCalls.isLink(status) {
                try FileCalls.makeLink(name, at: parent.rawValue, target: try FileCalls.target(of: found.name, at: found.parent.rawValue))
            } else {
                try FileCalls.makeNode(name, at: parent.rawValue, mode: UInt32(status.st_mode) & ~0o7000, device: status.st_rdev)
            }
        }
        try setAttributes(Attributes(status), onName: name, in: parent, isLink: FileCalls.isLink(status), entry.name)
    }

    private static func copy(_ source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor) throws(Errno) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { unsafe buffer.deallocate() }
        while true {
            let count = try unsafe source.read(into: buffer)
            if count == 0 { return }
            unsafe try target.writeAll(unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
