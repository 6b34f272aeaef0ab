internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension LayerWriter {
    /// A hard link. Its target lies in this layer, or below: then it is copied up first, as overlayfs would, so that both names stay one
    /// file. One whose target is nowhere yet waits for the end: the archive may bring it later, or the layers below may have it.
    func makeHardLink(_ name: [UInt8], _ path: EntryPath, target: [UInt8], _ entry: TarEntry) throws(UnpackFailure) {
        let target = try EntryPath(target, limits: limits)
        if let file = aufsFile(target) { return try linkAufsFile(file, target, to: name, path, entry) }
        try refuseMarks(in: target.components, entry.name)
        guard let targetName = target.components.last else { throw UnpackFailure(.missingLinkTarget, entry: entry.name) }
        // Only what is known now: a parent that the target's name takes for granted is not made before the target is known.
        guard let source = try walk(target.components.dropLast(), entry, inventing: below != nil) else {
            return try deferLink(name, path, target, isHidden: false, entry)
        }
        let physical = physicalPath(of: targetName)
        let status = try system(entry.name) { () throws(Errno) in try FileCalls.status(targetName, at: source.rawValue) }
        if let status {
            // A whiteout of this layer is no file, and a directory has one name.
            guard !FileCalls.isWhiteout(status), !FileCalls.isDirectory(status) else {
                throw UnpackFailure(.missingLinkTarget, entry: entry.name, detail: Self.joined(target))
            }
        } else if below == nil {
            return try deferLink(name, path, target, isHidden: isHidden(physical), entry)
        } else if let found = try findBelow(physical, entry.name), !FileCalls.isDirectory(found.status) {
            try copyUp(found, physical, into: source, targetName, entry)
        } else {
            return try deferLink(name, path, target, isHidden: true, entry)
        }
        let parent = try enter(path.components.dropLast(), entry)
        if physicalPath(of: name) == physical { return }
        try link(targetName, in: source, to: name, in: parent, target, entry.name)
    }

    func link(
        _ targetName: [UInt8], in source: SharedDescriptor, to name: [UInt8], in parent: SharedDescriptor, _ target: EntryPath,
        _ entry: [UInt8]
    ) throws(UnpackFailure) {
        do throws(UnpackFailure) {
            try create(name, in: parent, entry) { () throws(Errno) in
                try FileCalls.link(targetName, at: source.rawValue, to: name, at: parent.rawValue)
            }
        } catch {
            // Replacing the name removed the target with it.
            if error.errno == .noSuchFileOrDirectory {
                throw UnpackFailure(.missingLinkTarget, entry: entry, detail: Self.joined(target))
            }
            throw error
        }
    }

    private func deferLink(
        _ name: [UInt8], _ path: EntryPath, _ target: EntryPath, isHidden: Bool, _ entry: TarEntry
    ) throws(UnpackFailure) {
        let parent = try enter(path.components.dropLast(), entry)
        // The link replaces what has its name so far.
        let existing = try system(entry.name) { () throws(Errno) in try FileCalls.status(name, at: parent.rawValue) }
        if existing != nil { try remove(name, in: parent, entry.name) }
        deferred.links.append(.init(path: path, target: target, targetIsHidden: isHidden, entry: entry))
    }

    /// Makes the links that waited, in the order of the archive. The layers below are known.
    func makeDeferredLinks() throws(UnpackFailure) {
        let links = deferred.links
        deferred.links = []
        for pending in links {
            guard let name = pending.path.components.last, let targetName = pending.target.components.last else { continue }
            // Also for a link that is not made: where the layers below were known, its target's parents are there already.
            let source = try enter(pending.target.components.dropLast(), pending.entry)
            let physical = physicalPath(of: targetName)
            let parent = try enter(pending.path.components.dropLast(), pending.entry)
            let own = physicalPath(of: name)
            let existing = try system(pending.entry.name) { () throws(Errno) in try FileCalls.status(name, at: parent.rawValue) }
            if let existing, !FileCalls.isWhiteout(existing) {
                // Something that came later has the name; or what was moved here in settling, and would have followed the link.
                if pending.isReplaced == false { throw UnpackFailure(.belowNeeded, entry: pending.entry.name) }
                continue
            }
            let missing = UnpackFailure(.missingLinkTarget, entry: pending.entry.name, detail: Self.joined(pending.target))
            if own == physical { throw missing }
            let status = try system(pending.entry.name) { () throws(Errno) in try FileCalls.status(targetName, at: source.rawValue) }
            if let status, FileCalls.isDirectory(status) { throw missing }
            let isOurs = status.map { !FileCalls.isWhiteout($0) } ?? false
            if !pending.targetIsHidden, let found = try findBelow(physical, pending.entry.name), !FileCalls.isDirectory(found.status) {
                // Which of the two the archive meant is a matter of order, which is lost: unpack it once more on what is below.
                if status != nil { throw UnpackFailure(.belowNeeded, entry: pending.entry.name) }
                try copyUp(found, physical, into: source, targetName, pending.entry)
            } else if !isOurs {
                throw missing
            }
            try link(targetName, in: source, to: name, in: parent, pending.target, pending.entry.name)
        }
    }

    /// Notes which of the links that wait were replaced by later entries. The layers below are not known yet.
    /// - Throws: `.belowNeeded` where an entry went through the name of one: where it leads is known only now.
    func noteReplacedLinks() throws(UnpackFailure) {
        for index in deferred.links.indices {
            let link = deferred.links[index]
            deferred.links[index].isReplaced = false
            guard let name = link.path.components.last,
                let parent = try walk(link.path.components.dropLast(), link.entry, inventing: false)
            else { continue }
            let status = try system(link.entry.name) { () throws(Errno) in try FileCalls.status(name, at: parent.rawValue) }
            guard let status, !FileCalls.isWhiteout(status) else { continue }
            if deferred.isAssumed(key(of: name)) { throw UnpackFailure(.belowNeeded, entry: link.entry.name) }
            deferred.links[index].isReplaced = true
        }
    }

    static func joined(_ path: EntryPath) -> [UInt8] { Array(path.components.joined(separator: [UInt8(ascii: "/")])) }

    /// Brings what lies below into this layer, under all the names it has there: else they would be different files from here on.
    private func copyUp(
        _ found: borrowing MergedTree.Found, _ path: [[UInt8]], into parent: SharedDescriptor, _ name: [UInt8], _ entry: TarEntry
    ) throws(UnpackFailure) {
        try copyOne(found, into: parent, name, entry.name)
        guard found.status.st_nlink > 1, let below else { return }
        let others: [[[UInt8]]]
        do throws(Errno) { others = try below.otherNames(of: found) } catch { throw .system(error, entry: entry.name) }
        for other in others where other != path {
            guard let otherName = other.last, try isSame(other, found.status, entry) else { continue }
            let place = try enter(other.dropLast(), entry)
            guard physicalPath(of: otherName) == other else { continue }
            do throws(Errno) { try FileCalls.link(name, at: parent.rawValue, to: otherName, at: place.rawValue) } catch .fileExists {
                // This layer has its own file under that name.
            } catch { throw .system(error, entry: entry.name) }
        }
    }

    /// Whether the merged view below shows this very file under another name, and this layer does not hide it.
    private func isSame(_ path: [[UInt8]], _ status: stat, _ entry: TarEntry) throws(UnpackFailure) -> Bool {
        guard let other = try findBelow(path, entry.name) else { return false }
        return other.status.st_ino == status.st_ino && other.status.st_dev == status.st_dev
    }

    private func copyOne(
        _ found: borrowing MergedTree.Found, into parent: SharedDescriptor, _ name: [UInt8], _ entry: [UInt8]
    ) throws(UnpackFailure) {
        let status = found.status
        do throws(Errno) {
            if FileCalls.isFile(status) {
                let source = try FileCalls.open(found.name, at: found.parent.rawValue, flags: O_RDONLY)
                let attributes = try Attributes(of: source.rawValue)
                let file = try FileCalls.open(
                    name, at: parent.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL, mode: attributes.mode & 0o777)
                try FileCopy.contents(of: source.rawValue, to: file.rawValue)
                do throws(UnpackFailure) {
                    try setAttributes(attributes, on: file.rawValue, isNew: true, entry)
                } catch { throw error.errno }
                return
            }
            if FileCalls.isLink(status) {
                try FileCalls.makeLink(name, at: parent.rawValue, target: try FileCalls.target(of: found.name, at: found.parent.rawValue))
            } else {
                try FileCalls.makeNode(name, at: parent.rawValue, mode: UInt32(status.st_mode) & ~0o7000, device: status.st_rdev)
            }
        } catch { throw .system(error, entry: entry) }
        try setAttributes(Attributes(status), onName: name, in: parent, isLink: FileCalls.isLink(status), entry)
    }
}
