internal import CLinux
internal import FoundationEssentials
internal import LinuxSystem
internal import OCIModel
internal import ShimChild
internal import SystemPackage

/// `run/containers/<id>` as programs see it. Every call blocks on the file system (a tmpfs, as a rule): from a thread
/// of one's own.
struct RunDirectory: Sendable {
    let path: FilePath
    let container: ContainerID

    init(_ container: ContainerID, in run: FilePath) {
        self.container = container
        path = run.appending("containers").appending(container.description)
    }

    /// Makes the directory with its state file.
    ///
    /// It is made under a name that begins with a dot and is no container's, and takes its own when it is whole: wherever its maker is
    /// killed, what has the name of a container has a state and a lock.
    /// - Throws: `.alreadyExists`.
    /// - Returns: the container's lock, taken before anybody can see the state: who sweeps meanwhile takes the container
    ///   for one that lives. The shim gets this descriptor, and with it the lock; if the maker dies first, it is free.
    func make(_ state: ContainerState) throws(ShimError) -> SharedDescriptor {
        let unborn = path.removingLastComponent().appending("\(Self.unbornPrefix)\(getpid())-\(UInt64.random(in: 0 ... .max))")
        do throws(Errno) {
            for _ in 0..<8 {
                do throws(Errno) { return try makeWhole(state, unborn) } catch .noSuchFileOrDirectory {
                    // Who swept took it for a dead maker's between two steps.
                }
            }
            throw .noSuchFileOrDirectory
        } catch {
            if error == .fileExists { throw ShimError(.alreadyExists, container: container, "a container of this name exists") }
            throw ShimError(.commandFailed, container: container, errno: error, "cannot make \(path)")
        }
    }

    /// What a directory is called until it is whole.
    static let unbornPrefix = ".new-"

    private func makeWhole(_ state: ContainerState, _ unborn: FilePath) throws(Errno) -> SharedDescriptor {
        // Not a step later: a name that is taken is found out before anything is written, as a rule.
        if access(path.string, F_OK) == 0 { throw .fileExists }
        try check(ck_mkdirat(AT_FDCWD, unborn.string, 0o700))
        do throws(Errno) {
            let lock = try OwnedDescriptor.open(unborn.appending("lock").string, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
            guard ck_flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 else { throw .noSuchFileOrDirectory }
            let file = try OwnedDescriptor.open(
                unborn.appending("state.json").string, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try file.write(state.json)
            try check(ck_renameat2(AT_FDCWD, unborn.string, AT_FDCWD, path.string, CUnsignedInt(RENAME_NOREPLACE)))
            return SharedDescriptor(lock)
        } catch {
            try? TreeRemoval.remove(unborn.string)
            throw error
        }
    }

    /// Removes what makers that were killed have left below `containers`. One that is at work holds its lock; if it has none yet, it is
    /// in the way of an empty directory only, and begins again.
    static func removeUnborn(in containers: FilePath) throws(Errno) {
        var names: [String] = []
        let directory = try OwnedDescriptor.open(containers.string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            let name = String(decoding: name, as: UTF8.self)
            if name.hasPrefix(unbornPrefix) { names.append(name) }
        }
        for name in names {
            let path = containers.appending(name)
            if rmdir(path.string) == 0 { continue }
            guard let lock = try? OwnedDescriptor.open(path.appending("lock").string, flags: O_RDWR),
                ck_flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0
            else { continue }
            // It may have taken its name between the two looks; then there is nothing here any more.
            try TreeRemoval.remove(path.string)
        }
    }

    /// - Returns: nil when there is no such container; a directory without a state is one that is being removed, or whose
    ///   remover died.
    func state() throws(ShimError) -> ContainerState? {
        guard let text = try read("state.json") else { return nil }
        do {
            let state = try JSONDecoder().decode(ContainerState.self, from: Data(text))
            guard state.version <= ContainerState.currentVersion else {
                throw ShimError(.stateUnreadable, container: container, "a newer version of this package made it")
            }
            return state
        } catch let error as ShimError {
            throw error
        } catch {
            throw ShimError(.stateUnreadable, container: container, "\(path)/state.json makes no sense", cause: error)
        }
    }

    /// Whether a shim took it over: the first thing that one does is to reserve the room of its record.
    var hadShim: Bool { access(path.appending("exit.json.new").string, F_OK) == 0 }

    /// The exit record, once there is one.
    func exitRecord() throws(ShimError) -> ExitRecord? {
        guard let text = try read("exit.json") else { return nil }
        do {
            return try JSONDecoder().decode(StoredExit.self, from: Data(text)).record
        } catch {
            throw ShimError(.stateUnreadable, container: container, "\(path)/exit.json makes no sense", cause: error)
        }
    }

    /// The first process's host pid, if it is of this boot.
    func pid(bootID: String) -> Int32? {
        guard let text = try? read("pid") else { return nil }
        let words = String(decoding: text, as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard words.count == 3, words[2] == bootID else { return nil }
        return Int32(words[0])
    }

    /// Whether a shim holds the container's lock. Asked with a shared lock: two who ask at once are not in each other's way.
    var isSupervised: Bool {
        guard let lock = try? OwnedDescriptor.open(path.appending("lock").string, flags: O_RDWR) else { return false }
        return ck_flock(lock.rawValue, LOCK_SH | LOCK_NB) == -Int(EWOULDBLOCK)
    }

    /// Takes the lock, if no shim lives.
    /// - Returns: nil while one does, and when another container of the name took the place of the one asked for.
    /// - Throws: `noSuchFileOrDirectory` when the directory was removed meanwhile.
    func takeLock() throws(Errno) -> OwnedDescriptor? {
        let name = path.appending("lock").string
        let lock = try OwnedDescriptor.open(name, flags: O_RDWR | O_CREAT, mode: 0o600)
        let result = ck_flock(lock.rawValue, LOCK_EX | LOCK_NB)
        if result == -Int(EWOULDBLOCK) { return nil }
        try check(result)
        // The lock of a directory that somebody removed between opening and locking says nothing about what is there now.
        var locked = stat()
        var named = stat()
        guard fstat(lock.rawValue, &locked) == 0, stat(name, &named) == 0 else { throw .noSuchFileOrDirectory }
        guard locked.st_ino == named.st_ino, locked.st_dev == named.st_dev else { return nil }
        return lock
    }

    /// Writes the record that nobody else wrote. Once: two sweeps at the same time do not both succeed.
    func writeOnce(_ record: ExitRecord, bootID: String) throws(Errno) {
        let new = path.appending("exit.json.\(getpid())").string
        let file = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.write(record.json(bootID: bootID))
        let result = ck_renameat2(AT_FDCWD, new, AT_FDCWD, path.appending("exit.json").string, CUnsignedInt(RENAME_NOREPLACE))
        if result == -Int(EEXIST) {
            _ = ck_unlinkat(AT_FDCWD, new, 0)
        } else {
            try check(result)
        }
    }

    private func read(_ name: String) throws(ShimError) -> [UInt8]? {
        do throws(Errno) {
            return try OwnedDescriptor.open(path.appending(name).string, flags: O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 20)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw ShimError(.stateUnreadable, container: container, errno: error, "cannot read \(path)/\(name)")
        }
    }
}

/// The JSON form of an exit record; see `ExitRecord.json`.
private struct StoredExit: Decodable {
    var status: String
    var value: Int32
    var pid: Int32
    var startedAt: Int64
    var endedAt: Int64
    var userMicroseconds: Int64
    var systemMicroseconds: Int64
    var peakResidentKiB: Int64
    var cpuMicroseconds: Int64
    var memoryPeakBytes: Int64
    var pidsPeak: Int64
    var ioReadBytes: Int64?
    var ioWrittenBytes: Int64?

    var record: ExitRecord {
        get throws {
            let status: ExitRecord.Status =
                switch self.status {
                case "exited": .exited(value)
                case "signaled": .signaled(value, coreDumped: false)
                case "dumped": .signaled(value, coreDumped: true)
                case "outOfMemory": .outOfMemory
                case "supervisorLost": .supervisorLost
                default:
                    throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "unknown status \(self.status)"))
                }
            var record = ExitRecord(status: status, pid: pid, startedAt: startedAt, endedAt: endedAt)
            record.userMicroseconds = userMicroseconds
            record.systemMicroseconds = systemMicroseconds
            record.peakResidentKiB = peakResidentKiB
            record.cpuMicroseconds = cpuMicroseconds
            record.memoryPeakBytes = memoryPeakBytes
            record.pidsPeak = pidsPeak
            record.ioReadBytes = ioReadBytes ?? -1
            record.ioWrittenBytes = ioWrittenBytes ?? -1
            return record
        }
    }
}
