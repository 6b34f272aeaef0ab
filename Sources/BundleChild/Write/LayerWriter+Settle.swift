internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension LayerWriter {
    /// Whether the layer's form depends on the layers below. Asked when all entries are written.
    var needsBelow: Bool {
        !deferred.assumptions.isEmpty || !deferred.links.isEmpty || rootIsOpaque || deferred.whiteouts.contains { !isHidden($0) }
    }

    /// Puts right what was assumed, now that the layers below are known: the layer becomes what unpacking in order would have made of it.
    /// - Throws: `.belowNeeded` where that takes the archive's order, which is lost.
    func settle(on below: MergedTree) throws(UnpackFailure) {
        try noteReplacedLinks()
        self.below = below
        report.neededBelow = true
        lastParent = nil
        chain = []
        var index = 0
        while index < deferred.assumptions.count {
            let assumption = deferred.assumptions[index]
            index += 1
            let key = Self.key(assumption.path)
            guard let found = try look(assumption.path, in: below, key) else { continue }
            if FileCalls.isLink(found.status) {
                // It may have been replaced by something whose own entry says what it is; which entries came before is lost.
                guard !assumption.isAmbiguous, try reopen(assumption.path) != nil else { throw UnpackFailure(.belowNeeded, entry: key) }
                try move(assumption.path, later: index)
            } else if FileCalls.isDirectory(found.status), assumption.takesAttributes, directories[key] != nil {
                let attributes = try system(key) { () throws(Errno) in try Self.attributes(ofDirectory: found) }
                directories[key]?.attributes = attributes
            }
        }
        deferred.forgetAssumptions()
    }

    private func look(_ path: [[UInt8]], in below: MergedTree, _ key: [UInt8]) throws(UnpackFailure) -> MergedTree.Found? {
        do throws(Errno) { return try below.find(path) } catch { throw .system(error, entry: key) }
    }

    /// Moves what lies in an invented directory to where the link leads that the layers below have under its name.
    private func move(_ path: [[UInt8]], later: Int) throws(UnpackFailure) {
        let entry = Self.key(path)
        guard let name = path.last, let parent = try reopen(path.dropLast()) else { throw UnpackFailure(.belowNeeded, entry: entry) }
        // Names like this mean nothing in a layer, so no entry has it.
        let aside = Array(".wh..wh.moved".utf8)
        try system(entry) { () throws(Errno) in try Self.rename(name, in: parent, to: aside, in: root) }
        let old = directories.removeValue(forKey: entry)
        if old?.isOpaque == true { throw UnpackFailure(.belowNeeded, entry: entry) }
        lastParent = nil
        chain = []
        var place = TarEntry(directory: entry)
        place.attributes.seconds = old?.attributes.seconds ?? 0
        let target = try enter(path[...], place)
        let physical = chain.map(\.name)
        if isHidden(physical + [name]) { throw UnpackFailure(.belowNeeded, entry: entry) }
        do throws(Errno) {
            let source = try FileCalls.open(aside, at: root.rawValue, flags: FileCalls.directoryFlags)
            let shared = SharedDescriptor(source)
            for child in try FileCalls.names(in: shared.rawValue) { try Self.rename(child, in: shared, to: child, in: target) }
            try FileCalls.remove(aside, at: root.rawValue)
        } catch .fileExists {
            // Both places have the name: the later one counts, and which that is, is lost.
            throw UnpackFailure(.belowNeeded, entry: entry)
        } catch { throw .system(error, entry: entry) }
        for index in deferred.whiteouts.indices where deferred.whiteouts[index].starts(with: path) {
            deferred.whiteouts[index].replaceSubrange(..<path.count, with: physical)
        }
        for index in later..<deferred.assumptions.count where deferred.assumptions[index].path.starts(with: path) {
            deferred.assumptions[index].path.replaceSubrange(..<path.count, with: physical)
        }
        let prefix = entry + [UInt8(ascii: "/")]
        for (key, pending) in directories where key.starts(with: prefix) {
            directories[key] = nil
            var moved = pending
            moved.path.replaceSubrange(..<path.count, with: physical)
            directories[Self.key(moved.path)] = moved
        }
        lastParent = nil
        chain = []
    }

    /// Removes whiteouts in directories that only this layer has: they hide nothing.
    func removeIdleWhiteouts() throws(UnpackFailure) {
        for path in deferred.whiteouts {
            guard let name = path.last else { continue }
            if !isHidden(path), let below {
                report.neededBelow = true
                let parent = Array(path.dropLast())
                if let found = try look(parent, in: below, Self.key(path)), FileCalls.isDirectory(found.status) { continue }
            }
            guard let parent = try reopen(path.dropLast()) else { continue }
            try system(Self.key(path)) { () throws(Errno) in
                guard let status = try FileCalls.status(name, at: parent.rawValue), FileCalls.isWhiteout(status) else { return }
                try FileCalls.remove(name, at: parent.rawValue)
            }
        }
        deferred.whiteouts = []
    }

    private static func rename(
        _ old: [UInt8], in from: SharedDescriptor, to new: [UInt8], in directory: SharedDescriptor
    ) throws(Errno) {
        try check(
            unsafe FileCalls.withName(old) { old in
                unsafe FileCalls.withName(new) {
                    unsafe ck_renameat2(from.rawValue, old, directory.rawValue, $0, CUnsignedInt(RENAME_NOREPLACE))
                }
            })
    }
}
