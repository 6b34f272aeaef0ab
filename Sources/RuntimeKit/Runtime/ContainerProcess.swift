internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The first process of a container, as its record names it.
enum FirstProcess {
    /// State letter and start time (fields 3 and 22). See: man 5 proc_pid_stat.
    static func facts(_ pid: Int32) -> (state: Character, startTime: UInt64)? {
        guard let text = try? HostFile.text("/proc/\(pid)/stat", limit: 4096), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let time = UInt64(fields[19]) else { return nil }
        return (state, time)
    }

    /// Whether it lives: the number may belong to another by now, and one that nobody has waited for has ended too.
    static func isAlive(_ record: ContainerRecord) -> Bool {
        guard record.pid > 0, let facts = facts(record.pid) else { return false }
        return facts.startTime == record.containerkit.startTime && facts.state != "Z" && facts.state != "X"
    }

    /// A pidfd of it; nil when it is gone.
    static func descriptor(_ record: ContainerRecord) -> SharedDescriptor? {
        guard record.pid > 0, let descriptor = try? OwnedDescriptor.process(record.pid), isAlive(record) else { return nil }
        return SharedDescriptor(descriptor)
    }
}
