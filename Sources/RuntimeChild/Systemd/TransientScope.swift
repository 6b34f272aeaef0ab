internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Moves the calling process into a scope that systemd makes for it.
///
/// systemd kills what is in the cgroup of a unit when the unit stops; a process in a scope of its own lives on. The scope is delegated: what
/// lies below its cgroup is ours to divide. It goes when its last process ends. See: man 5 org.freedesktop.systemd1.
package enum TransientScope {
    /// Sockets to reach systemd by: the bus, and systemd's own, which root may use where there is no bus.
    package static let busSocket = "/run/dbus/system_bus_socket"
    package static let privateSocket = "/run/systemd/private"
    /// The leaf of a delegated scope that its own process is in: a cgroup with processes hands no controllers down. It begins with what no
    /// container's name begins with, and systemd does not show.
    package static let leaf = "_supervisor"
    private static let service = "org.freedesktop.systemd1"
    private static let interface = "org.freedesktop.systemd1.Manager"
    /// Nanoseconds for all of it.
    private static let limit: Int64 = 20_000_000_000

    /// - Throws: `.scope`; its index is 0 when systemd does not make the scope, 1 when the process is not in it then, 2 when the scope
    ///   cannot be divided.
    package static func enter(_ plan: ScopePlan) throws(LaunchFailure) {
        do throws(DBusFailure) { try start(plan) } catch { throw LaunchFailure(.scope, index: 0, errno: error.errno) }
        guard isInside(plan) else { throw LaunchFailure(.scope, index: 1, errno: .noSuchFileOrDirectory) }
        if plan.directory.isEmpty { return }
        do throws(Errno) { try divide(plan) } catch { throw LaunchFailure(.scope, index: 2, errno: error) }
    }

    private static func start(_ plan: ScopePlan) throws(DBusFailure) {
        let deadline = KernelClock.monotonic() + limit
        do throws(DBusFailure) {
            var bus = try DBusConnection.open(busSocket, deadline: deadline)
            try bus.joinBus()
            try bus.addMatch("type='signal',sender='\(service)',interface='\(interface)',member='JobRemoved'")
            return try start(plan, &bus)
        } catch {
            switch error {
            case .socket(.noSuchFileOrDirectory), .socket(.connectionRefused): break
            default: throw error
            }
        }
        var peer = try DBusConnection.open(privateSocket, deadline: deadline)
        try start(plan, &peer)
    }

    private static func start(_ plan: ScopePlan, _ connection: inout DBusConnection) throws(DBusFailure) {
        let reply = try begun(plan, &connection)
        while true {
            let signal = try connection.nextSignal()
            // Anybody may send a signal of this name; only systemd itself answers the call.
            guard signal.sender == reply.sender, signal.interface == interface, signal.member == "JobRemoved", signal.signature == "uoss"
            else { continue }
            var reader = DBusReader(signal.body)
            _ = try reader.readUInt32()
            _ = try reader.readString()
            let unit = try reader.readString()
            let result = try reader.readString()
            if unit != plan.unit { continue }
            if result != "done" { throw .job(result) }
            return
        }
    }

    /// One of the same name that has just ended is known for a moment more.
    private static func begun(_ plan: ScopePlan, _ connection: inout DBusConnection) throws(DBusFailure) -> DBusMessage {
        let end = KernelClock.monotonic() + 2_000_000_000
        while true {
            do throws(DBusFailure) { return try connection.call(request(plan)) } catch {
                guard error == .refused("org.freedesktop.systemd1.UnitExists"), KernelClock.monotonic() < end else { throw error }
                usleep(20_000)
            }
        }
    }

    /// StartTransientUnit(name, mode, properties, auxiliary units).
    package static func request(_ plan: ScopePlan) -> DBusMessage {
        var message = DBusMessage(.call, serial: 0)
        message.destination = service
        message.path = "/org/freedesktop/systemd1"
        message.interface = interface
        message.member = "StartTransientUnit"
        message.signature = "ssa(sv)a(sa(sv))"
        var body = DBusWriter()
        body.append(plan.unit)
        body.append("fail")
        body.appendArray(alignment: 8) { writer in
            func property(_ name: String, _ signature: String, _ value: (inout DBusWriter) -> Void) {
                writer.align(to: 8)
                writer.append(name)
                writer.appendVariant(signature, value)
            }
            property("Description", "s") { $0.append(plan.description) }
            property("Slice", "s") { $0.append(plan.slice) }
            property("Delegate", "b") { $0.append(true) }
            property("CollectMode", "s") { $0.append("inactive-or-failed") }
            property("TimeoutStopUSec", "t") { $0.append(plan.stopMicroseconds) }
            // 0 is who calls, whatever its number is in its pid namespace.
            property("PIDs", "au") { $0.appendArray(alignment: 4) { $0.append(UInt32(0)) } }
        }
        body.appendArray(alignment: 8) { _ in }
        message.body = body.bytes
        return message
    }

    /// Whether a line of the table of this process's cgroups ends with the scope: that of v2, or of the v1 hierarchy of systemd's own.
    private static func isInside(_ plan: ScopePlan) -> Bool {
        guard let bytes = try? OwnedDescriptor.open("/proc/self/cgroup", flags: O_RDONLY).readAll(limit: 1 << 16) else { return false }
        let end = plan.slice == "-.slice" ? "/\(plan.unit)" : "/\(plan.slice)/\(plan.unit)"
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { $0.hasSuffix(end) }
    }

    private static func divide(_ plan: ScopePlan) throws(Errno) {
        let scope = try OwnedDescriptor.open(plan.directory, flags: O_PATH | O_DIRECTORY)
        try check(unsafe ck_mkdirat(scope.rawValue, leaf, 0o755))
        try ControlFile.write("0", to: "\(leaf)/cgroup.procs", in: scope.rawValue)
        for controller in plan.controllers { try ControlFile.write("+\(controller)", to: "cgroup.subtree_control", in: scope.rawValue) }
    }
}
