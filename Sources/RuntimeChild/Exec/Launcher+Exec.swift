internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension Launcher {
    /// Starts a further process in a container whose first process lives, and waits until it executes its program.
    /// - Parameters: as of `beginExec`.
    /// - Throws: a failure after which there is no process. A frozen container is the caller's to refuse: a process born
    ///   there would never answer.
    package static func exec(
        _ plan: ExecPlan, in container: LaunchedContainer, streams: consuming StandardStreams?, command: CommandLaunch? = nil
    ) throws(LaunchFailure) -> LaunchedProcess {
        let starting = try beginExec(plan, in: container, streams: streams, command: command)
        while true {
            if let process = try starting.advance(waits: true) { return process }
        }
    }

    /// Makes a further process in a container whose first process lives.
    ///
    /// A short-lived intermediate joins the namespaces and makes it with CLONE_PARENT, so that it is the caller's child,
    /// who waits for it. While it lives, nothing of the host is reachable through it: not its memory, since it is not
    /// dumpable, and not its descriptors.
    /// - Parameter streams: the child's ends; nil with a terminal, or to hand on the caller's own 0 to 2.
    /// - Returns: the process before its execve, which others in the container may hold up.
    /// - Throws: a failure after which there is no process.
    package static func beginExec(
        _ plan: ExecPlan, in container: LaunchedContainer, streams: consuming StandardStreams?, command: CommandLaunch? = nil
    ) throws(LaunchFailure) -> StartingProcess {
        var streams = streams
        let page = try SharedPage()
        let (process, setup) = try born(plan, container, page, streams.numbers, command)
        closeStreams(&streams)
        var supervision = LaunchSupervision(process: process, page: page, setup: setup)
        supervision.listener = plan.process.listener
        return StartingProcess(supervision)
    }

    private static func born(
        _ plan: ExecPlan, _ container: LaunchedContainer, _ page: SharedPage, _ streams: [CInt],
        _ command: CommandLaunch?
    ) throws(LaunchFailure) -> (LaunchedProcess, SharedDescriptor) {
        do throws(Errno) {
            let (near, far) = try SetupSocket.pair()
            let proc =
                ChildProcess.needsHostProc(plan.process)
                ? SharedDescriptor(try .open("/proc", flags: O_PATH | O_DIRECTORY)) : nil
            var process = ChildProcess(
                plan: plan.process, page: page, setup: far.rawValue, streams: streams, parks: false,
                bindsToParent: command == nil && container.namespaces & ck_CLONE_NEWPID == 0, hostProc: proc)
            if let command { process.command = command }
            let intermediate = ExecIntermediate(container: container, process: process)
            intermediate.unified = container.cgroups.first { $0.isUnified }?.directory
            if try intermediate.run() == .resourceBusy {
                // A container that delegates has moved its processes below its own cgroup (no internal processes).
                intermediate.unified = try cgroupOfFirstProcess(container)
                page.fail(Errno(rawValue: 0))
                if let errno = try intermediate.run() { throw errno }
            }
            if let failure = page.failure, failure.phase == .joinNamespace || failure.phase == .enterCgroup, page.pid == 0 {
                throw failure.errno
            }
            let pid = page.pid
            guard pid > 0 else { throw page.failure?.errno ?? .noChildProcess }
            do throws(Errno) {
                let descriptor = SharedDescriptor(try OwnedDescriptor.process(pid))
                return (LaunchedProcess(pid: pid, descriptor: descriptor, terminal: nil), near)
            } catch {
                // Told as failed, it must not run.
                ck_kill(pid, SIGKILL)
                _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
                throw error
            }
        } catch {
            if let failure = page.failure { throw failure }
            throw LaunchFailure(.clone, errno: error)
        }
    }

    /// The v2 directory that the first process is in now.
    private static func cgroupOfFirstProcess(_ container: LaunchedContainer) throws(Errno) -> SharedDescriptor {
        let pid = try container.process.descriptor.hostPid()
        let text = String(
            decoding: try OwnedDescriptor.open("/proc/\(pid)/cgroup", flags: O_RDONLY).readAll(limit: 65536), as: UTF8.self)
        guard let unified = container.cgroups.first(where: { $0.isUnified }),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::") })
        else { throw .noSuchFileOrDirectory }
        // The part below the container's own directory, whose name is its last component.
        let name = unified.path.split(separator: "/").last ?? ""
        let parts = line.dropFirst(3).split(separator: "/")
        guard let position = parts.lastIndex(of: name) else { throw .noSuchFileOrDirectory }
        let below = parts[(position + 1)...].joined(separator: "/")
        return try unified.directory.withDescriptor { directory throws(Errno) in
            SharedDescriptor(
                try OwnedDescriptor.open(
                    below.isEmpty ? "." : below, at: directory, flags: O_PATH | O_DIRECTORY, resolve: [.beneath, .noSymlinks]))
        }
    }
}
