internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild
internal import SystemPackage

/// New limits for a container that is there.
struct CgroupUpdate {
    let runtime: CommandRuntime
    let record: ContainerRecord

    func apply(_ resources: RuntimeConfiguration.Resources) throws(RuntimeError) {
        guard let first = record.containerkit.cgroups.first,
            let hierarchy = runtime.cgroups.hierarchies.first(where: { first.path.hasPrefix($0.mountPoint + "/") })
        else { throw .hostLacks("linux.resources", "the container has no cgroup", advice: "Create it with one.") }
        let path = String(first.path.dropFirst(hierarchy.mountPoint.count))
        // Without rules for devices a plan would deny all of them: those of an update are not touched.
        var plan = try CgroupCompiler.compile(resources, at: path, on: runtime.cgroups, isForEngine: true)
        for index in plan.directories.indices {
            plan.directories[index].writes.removeAll { $0.file.hasPrefix("devices.") }
            plan.directories[index].deviceProgram = []
        }
        if resources.memory?.checkBeforeUpdate == true { try checkUsage(resources, plan) }
        for directory in plan.directories where !directory.writes.isEmpty {
            guard record.containerkit.cgroups.contains(where: { $0.path == directory.path }) else {
                throw .hostLacks(
                    directory.writes[0].field, "the container was made without this controller",
                    advice: "Create it with a limit of this kind; it can be changed then.")
            }
            try write(directory)
        }
    }

    /// A limit below what is in use would have processes killed. See: runtime-spec config-linux.md, "checkBeforeUpdate".
    private func checkUsage(_ resources: RuntimeConfiguration.Resources, _ plan: CgroupPlan) throws(RuntimeError) {
        guard let limit = resources.memory?.limit, limit > 0, let used = CgroupStatistics(reading: plan).memoryBytes,
            used > UInt64(limit)
        else { return }
        throw .invalid(
            "linux.resources.memory.limit", "\(limit) is less than the \(used) bytes in use",
            advice: "Choose a higher limit, or update without checkBeforeUpdate.")
    }

    /// In two passes: on v1 the limit of memory and that of memory with swap bound each other, so that the order depends on whether
    /// they grow.
    private func write(_ directory: CgroupPlan.Directory) throws(RuntimeError) {
        var refused: [CgroupPlan.Write] = []
        for write in directory.writes {
            do throws(Errno) { try CgroupDirectory.write(write.value, to: "\(directory.path)/\(write.file)") } catch {
                if error == .invalidArgument { refused.append(write) } else { try failed(write, directory, error) }
            }
        }
        for write in refused {
            do throws(Errno) { try CgroupDirectory.write(write.value, to: "\(directory.path)/\(write.file)") } catch {
                try failed(write, directory, error)
            }
        }
    }

    private func failed(_ write: CgroupPlan.Write, _ directory: CgroupPlan.Directory, _ errno: Errno) throws(RuntimeError) {
        if write.isOptional, errno == .noSuchFileOrDirectory { return }
        throw RuntimeError(
            .cgroupFailed, .field(write.field), "`\(write.value)` cannot be written to \(directory.path)/\(write.file)", errno: errno,
            advice: ErrnoAdvice.advice(for: errno, on: .cgroupControl))
    }
}
