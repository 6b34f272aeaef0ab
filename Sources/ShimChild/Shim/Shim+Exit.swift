internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

extension Shim {
    /// Reaps every child that has ended, known or not: an unreaped orphan would keep the container's init from ending.
    func reap() {
        if let childSignal {
            var information = signalfd_siginfo()
            while unsafe ck_read(childSignal.rawValue, &information, MemoryLayout<signalfd_siginfo>.size) > 0 {}
        }
        while exitStatus == nil {
            guard let target = nextEnded(), let child = try? ReapedProcess.wait(for: target, blocking: false) else { return }
            if child.pid == logger {
                loggerEnded(child)
                continue
            }
            guard let process = processes.values.first(where: { $0.pid == child.pid && !$0.hasEnded }) else { continue }
            process.hasEnded = true
            if process.id == 0 { containerEnded(process, child) } else { execEnded(process, child) }
        }
    }

    /// Who is to be reaped next. An exec that ended as soon as it had begun is taken over before: who made it is told of both.
    private func nextEnded() -> ReapedProcess.Target? {
        while !execs.isEmpty {
            guard let pid = ReapedProcess.firstEnded() else { return nil }
            guard let exec = execs.first(where: { $0.starting.process.pid == pid }) else { return .pid(pid) }
            advance(exec)
            if processes[exec.id] != nil { return .pid(pid) }
            // Without a program it is reaped already.
            if execs.contains(where: { $0 === exec }) { return nil }
        }
        return .any
    }

    private func execEnded(_ process: ShimProcess, _ child: ReapedProcess) {
        tellAll(.execExited(process: process.id, record(of: process, child)))
        // Its reader has descriptors of its own.
        processes[process.id] = nil
    }

    private func containerEnded(_ process: ShimProcess, _ child: ReapedProcess) {
        guard let container else { return }
        parked = nil
        endExecs()
        var exit = record(of: process, child)
        let facts = CgroupFacts.read(container.cgroups)
        exit.cpuMicroseconds = facts.cpuMicroseconds.map { Int64(clamping: $0) } ?? -1
        exit.memoryPeakBytes = facts.memoryPeakBytes.map { Int64(clamping: $0) } ?? -1
        exit.ioReadBytes = facts.ioReadBytes.map { Int64(clamping: $0) } ?? -1
        exit.ioWrittenBytes = facts.ioWrittenBytes.map { Int64(clamping: $0) } ?? -1
        exit.pidsPeak = facts.pidsPeak.map { Int64(clamping: $0) } ?? -1
        if isKill(child.status), (facts.oomKills ?? 0) > 0 { exit.status = .outOfMemory }
        if restart(after: exit) { return }
        conclude(exit)
    }

    /// By SIGKILL, also of the program below our init.
    private func isKill(_ status: ProcessStatus) -> Bool {
        switch status {
        case .signaled(SIGKILL, _): true
        case .exited(128 + SIGKILL): hasInit
        default: false
        }
    }

    /// The container has ended for good.
    func conclude(_ exit: ExitRecord) {
        state = .stopped
        // The record first: whoever is told may look at it.
        let written = writeRecord(exit)
        tellAll(.exited(exit))
        if let written { tellAll(.notRemoved(written)) }
        removeCgroups()
        if request.removesItself { removeEverything() } else { leaveWhenDrained() }
    }

    private func record(of process: ShimProcess, _ child: ReapedProcess) -> ExitRecord {
        let status: ExitRecord.Status =
            switch child.status {
            case .exited(let code): .exited(code)
            case .signaled(let signal, let coreDumped): .signaled(signal, coreDumped: coreDumped)
            }
        var record = ExitRecord(status: status, pid: process.hostPid, startedAt: process.startedAt, endedAt: Self.now())
        record.userMicroseconds = child.userMicroseconds
        record.systemMicroseconds = child.systemMicroseconds
        record.peakResidentKiB = child.peakResidentKiB
        return record
    }

    private func writeRecord(_ exit: ExitRecord) -> Errno? {
        do throws(Errno) {
            try directory?.writeRecord(exit, bootID: request.bootID)
            return nil
        } catch { return error }
    }

    // MARK: ending and removing

    /// Kills everything that runs in the container; its end is then reaped like any other.
    func end() {
        guard let container, state != .stopped else {
            if exitStatus == nil { removeEverything() }
            return
        }
        if let parked {
            // Killed, reaped and undone by the launcher.
            parked.abandon()
            self.parked = nil
            state = .stopped
            removeEverything()
            return
        }
        try? container.process.descriptor.sendSignal(SIGKILL)
        CgroupRemoval.killAll(container.cgroups)
    }

    func removeCgroups() {
        guard let container else { return }
        do throws(Errno) {
            try CgroupRemoval.remove(container.cgroups)
        } catch { tellAll(.notRemoved(error)) }
        // The root keeps the container's mounts alive; they must be gone before the directories go.
        self.container = nil
    }

    func removeEverything() {
        container = nil
        processes = [:]
        if let errno = removeDirectories() { tellAll(.notRemoved(errno)) } else { tellAll(.removed) }
        exitStatus = 0
    }

    /// The container's directories, then its run directory; only with `removesItself`.
    func removeDirectories() -> Errno? {
        guard request.removesItself else { return nil }
        var failure: Errno?
        for path in request.removedDirectories {
            do throws(Errno) { try TreeRemoval.remove(path) } catch { failure = failure ?? error }
        }
        // The state last: who sweeps finds the other directories by it.
        if failure == nil { directory?.removeKnownFiles() }
        do throws(Errno) { try TreeRemoval.remove(request.runDirectory) } catch { failure = failure ?? error }
        return failure
    }

    /// A stopped container needs its shim only as long as output waits that nobody holds.
    func leaveWhenDrained() {
        // Also one that somebody reads: it may give its place back before the end.
        let waits = logger != nil || processes.values.contains { !$0.streams.isDrained }
        if !waits, !peers.contains(where: \.hasQueue) { exitStatus = 0 }
    }
}
