internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The cgroup directories of one container, made and filled; taken back when the launch fails.
struct PreparedCgroups {
    private(set) var cgroups: [ContainerCgroup] = []
    /// Those that were not there before.
    private var made: [ContainerCgroup] = []
    private let adopts: Bool

    /// Makes the directories of `plan`, writes their controls and attaches the device filter.
    /// - Parameter adopts: take directories that are there already, as engines make them for an OCI runtime.
    /// - Throws: a failure whose index counts directories (makeCgroup, deviceFilter) or writes over all directories
    ///   (writeCgroup). What was made is removed.
    init(_ plan: CgroupPlan?, adopts: Bool = false) throws(LaunchFailure) {
        self.adopts = adopts
        guard let plan else { return }
        do throws(LaunchFailure) {
            var writes = 0
            for (index, directory) in plan.directories.enumerated() {
                try make(directory, index)
                try fill(directory, index, &writes)
            }
        } catch {
            remove()
            throw error
        }
    }

    private mutating func make(_ directory: CgroupPlan.Directory, _ index: Int) throws(LaunchFailure) {
        do throws(Errno) {
            // A directory that is there already belongs to somebody else, whose processes would share its limits.
            let result = unsafe ck_mkdirat(AT_FDCWD, directory.path, 0o755)
            let isOld = adopts && result == -Int(EEXIST)
            if !isOld { try check(result) }
            do throws(Errno) {
                let descriptor = try OwnedDescriptor.open(directory.path, flags: O_PATH | O_DIRECTORY)
                let cgroup = ContainerCgroup(
                    path: directory.path, isUnified: directory.isUnified, directory: SharedDescriptor(descriptor))
                cgroups.append(cgroup)
                if !isOld { made.append(cgroup) }
            } catch {
                if !isOld { unsafe ck_unlinkat(AT_FDCWD, directory.path, AT_REMOVEDIR) }
                throw error
            }
        } catch { throw LaunchFailure(.makeCgroup, index: UInt32(index), errno: error) }
    }

    private func fill(_ directory: CgroupPlan.Directory, _ index: Int, _ writes: inout Int) throws(LaunchFailure) {
        let descriptor = cgroups[index].directory.rawValue
        // Rules for devices are a dozen lines for one file, which is opened once for all of them.
        var open: (name: String, file: SharedDescriptor)?
        for write in directory.writes {
            do throws(Errno) {
                if open?.name != write.file {
                    open = nil
                    open = (write.file, SharedDescriptor(try ControlFile.open(write.file, for: O_WRONLY, in: descriptor)))
                }
                let value = write.value
                try open?.file.withDescriptor { file throws(Errno) in try file.write(value) }
            } catch {
                if !(write.isOptional && error == .noSuchFileOrDirectory) {
                    throw LaunchFailure(.writeCgroup, index: UInt32(writes), errno: error)
                }
            }
            writes += 1
        }
        if directory.deviceProgram.isEmpty { return }
        do throws(Errno) {
            let program = directory.deviceProgram
            let filter = OwnedDescriptor(
                CInt(try check(unsafe ck_device_filter_load(program, program.count))))
            try check(ck_device_filter_attach(filter.rawValue, descriptor))
        } catch { throw LaunchFailure(.deviceFilter, index: UInt32(index), errno: error) }
    }

    /// Where the child is cloned into, on v2.
    var unified: SharedDescriptor? { cgroups.first { $0.isUnified }?.directory }

    /// Takes everything back after a failure.
    func remove() { try? CgroupRemoval.remove(made) }
}

/// One read or write of a control file in a cgroup directory.
enum ControlFile {
    static func open(_ file: String, for flags: CInt, in directory: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(unsafe ck_openat(directory, file, flags | O_CLOEXEC, 0))))
    }

    static func write(_ value: String, to file: String, in directory: CInt) throws(Errno) {
        try open(file, for: O_WRONLY, in: directory).write(value)
    }

    static func read(_ file: String, in directory: CInt) throws(Errno) -> [UInt8] {
        try open(file, for: O_RDONLY, in: directory).readAll(limit: 1 << 20)
    }
}
