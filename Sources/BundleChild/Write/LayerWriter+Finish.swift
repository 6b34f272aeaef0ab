internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension LayerWriter {
    /// Sets what had to wait: attributes of directories, deepest first, and the root's own marks.
    func finish() throws(UnpackFailure) {
        try dropAufsFiles()
        if below != nil { try makeDeferredLinks() }
        try removeIdleWhiteouts()
        if rootIsOpaque { try hideAllBelow() }
        let paths = directories.keys.sorted { $1.lexicographicallyPrecedes($0) }
        for path in paths {
            guard let pending = directories[path], let directory = try reopen(pending.path) else { continue }
            if pending.isOpaque {
                try system(path) { () throws(Errno) in
                    try ExtendedAttributes.set(ExtendedAttributes.opaque, [UInt8(ascii: "y")], on: directory.rawValue)
                }
            }
            try setAttributes(pending.attributes, on: directory.rawValue, isNew: false, path)
        }
        chain = []
        directories = [:]
    }

    /// The directory at a physical path; nil when a later entry replaced it.
    func reopen(_ path: some RandomAccessCollection<[UInt8]>) throws(UnpackFailure) -> SharedDescriptor? {
        lastParent = nil
        let path = Array(path)
        var depth = 0
        while depth < min(chain.count, path.count), chain[depth].name == path[depth] { depth += 1 }
        chain.removeSubrange(depth...)
        while depth < path.count {
            guard try descend(path[depth], chain.last?.directory ?? root, path[depth]) else { return nil }
            depth += 1
        }
        return chain.last?.directory ?? root
    }

    /// overlayfs looks for no opaque mark on the root of a layer: each name below is whited out instead.
    private func hideAllBelow() throws(UnpackFailure) {
        guard let below else { throw UnpackFailure(.belowNeeded) }
        report.neededBelow = true
        let names: Set<[UInt8]>
        do throws(Errno) { names = try below.rootNames() } catch { throw .system(error) }
        for name in names {
            do throws(Errno) {
                try FileCalls.makeNode(name, at: root.rawValue, mode: FileType.characterDevice, device: 0)
            } catch .fileExists {
                directories[name]?.isOpaque = true
            } catch { throw .system(error, entry: name) }
        }
    }
}
