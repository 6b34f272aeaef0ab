internal import CLinux
internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild
internal import ShimChild
internal import SystemPackage

/// Cleans up after a shim that died: kills what may still run, writes the record, removes what is left.
///
/// Its condition is the container's lock, which a shim holds as long as it lives. Blocks; from a thread of one's own.
struct Sweep {
    let directory: RunDirectory
    let bootID: String

    enum Finding {
        /// A shim lives.
        case supervised
        /// The container had ended in order; its record.
        case ended(ExitRecord)
        /// The shim was lost; this record was written, or everything was removed.
        case lost(ExitRecord)
        /// There is nothing.
        case nothing
    }

    /// - Throws: errno of what could not be removed; the next sweep tries again.
    func run() throws -> Finding {
        do { return try sweep() } catch Errno.noSuchFileOrDirectory {
            // Somebody else removed it between two steps.
            return .nothing
        }
    }

    private func sweep() throws -> Finding {
        guard try directory.state() != nil else { return try removeUnborn() }
        guard let lock = try directory.takeLock() else { return .supervised }
        defer { withExtendedLifetime(lock) {} }
        // Read again: before the lock was held, it may have been that of a container removed and made anew.
        guard let state = try directory.state() else { return .nothing }
        let isForNobody = state.isForNobody(bootID: bootID)
        if let record = try directory.exitRecord() {
            try removeCgroups(of: state)
            if isForNobody { try remove(state) }
            return .ended(record)
        }
        try removeCgroups(of: state)
        guard isForNobody || directory.hadShim else {
            // Its maker died before there was a shim: there never was a container, and a record would say there had been.
            try remove(state)
            return .nothing
        }
        let record = ExitRecord(status: .supervisorLost, pid: 0, startedAt: state.createdAt, endedAt: state.createdAt)
        // A record under another boot id would still be true: the container does not run.
        if isForNobody { try remove(state) } else { try directory.writeOnce(record, bootID: bootID) }
        return .lost(record)
    }

    /// Deletes a stopped container.
    /// - Returns: false while a shim lives.
    func delete() throws -> Bool {
        guard try directory.state() != nil else {
            _ = try removeUnborn()
            return true
        }
        guard let lock = try directory.takeLock() else { return false }
        defer { withExtendedLifetime(lock) {} }
        guard let state = try directory.state() else { return true }
        try removeCgroups(of: state)
        try remove(state)
        return true
    }

    /// Makes room for another start of a stopped container: its run directory goes, its own directories stay.
    /// - Returns: false while a shim lives.
    func reset() throws -> Bool {
        var status = stat()
        if stat(directory.path.string, &status) != 0 { return true }
        guard let lock = try directory.takeLock() else { return false }
        defer { withExtendedLifetime(lock) {} }
        if let state = try directory.state() { try removeCgroups(of: state) }
        try TreeRemoval.remove(directory.path.string)
        return true
    }

    private func remove(_ state: ContainerState) throws(Errno) {
        for path in state.removedDirectories { try TreeRemoval.remove(path) }
        try TreeRemoval.remove(directory.path.string)
    }

    /// A directory without a state: whoever removed it died, or is at it this moment and does not mind.
    private func removeUnborn() throws(Errno) -> Finding {
        if directory.isSupervised { return .supervised }
        try TreeRemoval.remove(directory.path.string)
        return .nothing
    }

    private func removeCgroups(of state: ContainerState) throws(Errno) {
        var cgroups: [ContainerCgroup] = []
        for cgroup in state.cgroups {
            do throws(Errno) {
                let descriptor = try OwnedDescriptor.open(cgroup.path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                cgroups.append(
                    ContainerCgroup(path: cgroup.path, isUnified: cgroup.isUnified, directory: SharedDescriptor(descriptor)))
            } catch .noSuchFileOrDirectory { continue }
        }
        if cgroups.isEmpty { return }
        CgroupRemoval.killAll(cgroups)
        try CgroupRemoval.remove(cgroups)
    }
}
