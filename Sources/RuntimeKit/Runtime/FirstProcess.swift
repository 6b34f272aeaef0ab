internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The first process of a container, as its record names it.
enum FirstProcess {
    /// Whether it lives: the number may belong to another by now, and one that nobody has waited for has ended too.
    static func isAlive(_ record: ContainerRecord) -> Bool {
        guard record.pid > 0, let stat = ProcessStat(record.pid) else { return false }
        return stat.startTime == record.containerkit.startTime && !stat.hasEnded
    }

    /// A pidfd of it; nil when it is gone.
    static func descriptor(_ record: ContainerRecord) -> SharedDescriptor? {
        guard record.pid > 0, let descriptor = try? OwnedDescriptor.process(record.pid), isAlive(record) else { return nil }
        return SharedDescriptor(descriptor)
    }
}
