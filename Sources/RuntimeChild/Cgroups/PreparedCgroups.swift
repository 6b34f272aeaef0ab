internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The cgroup directories of one container, made and filled; taken back when the launch fails.
struct PreparedCgroups {
    private(set) var cgroups: [ContainerCgroup] = []

    /// Makes the directories of `plan`, writes their controls and attaches the device filter.
    /// - Throws: a failure whose index counts directories (makeCgroup, deviceFilter) or writes over all directories
    ///   (writeCgroup). What was made is removed.
    init(_ plan: CgroupPlan?) throws(LaunchFailure) {
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
            try check(unsafe ck_mkdirat(AT_FDCWD, directory.path, 0o755))
            do throws(Errno) {
                let descriptor = try OwnedDescriptor.open(directory.path, flags: O_PATH | O_DIRECTORY)
                cgroups.append(
                    ContainerCgroup(
                        path: directory.path, isUnified: directory.isUnified, directory: SharedDescriptor(descriptor)))
            } catch {
                unsafe ck_unlinkat(AT_FDCWD, directory.path, AT_REMOVEDIR)
                throw error
            }
        } catch { throw LaunchFailure(.makeCgroup, index: UInt32(index), errno: error) }
    }

    private func fill(_ directory: CgroupPlan.Directory, _ index: Int, _ writes: inout Int) throws(LaunchFailure) {
        let descriptor = cgroups[index].directory.rawValue
        for write in directory.writes {
            do throws(Errno) {
                try ControlFile.write(write.value, to: write.file, in: descriptor)
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
    func remove() { try? CgroupRemoval.remove(cgroups) }
}

/// One read or write of a control file in a cgroup directory.
enum ControlFile {
    static func write(_ value: String, to file: String, in directory: CInt) throws(Errno) {
        let descriptor = OwnedDescriptor(
            CInt(try check(unsafe ck_openat(directory, file, O_WRONLY | O_CLOEXEC, 0))))
        try descriptor.write(value)
    }

    static func read(_ file: String, in directory: CInt) throws(Errno) -> [UInt8] {
        let descriptor = OwnedDescriptor(
            CInt(try check(unsafe ck_openat(directory, file, O_RDONLY | O_CLOEXEC, 0))))
        return try descriptor.readAll(limit: 1 << 20)
    }
}
