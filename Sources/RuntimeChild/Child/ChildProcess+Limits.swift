internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension ChildProcess {
    /// Resource limits, scheduling and what else a process is given with all privileges still there.
    func applyLimits() throws(Errno) {
        for (index, limit) in plan.limits.enumerated() {
            page.enter(.limits, index)
            var value = rlimit(rlim_cur: rlim_t(limit.soft), rlim_max: rlim_t(limit.hard))
            try check(unsafe ck_prlimit(0, limit.resource, &value, nil))
        }
        if !hasScore { try applyScore() }
        if let scheduler = plan.scheduler {
            page.enter(.scheduler)
            try check(
                ck_sched_setattr(
                    scheduler.policy, scheduler.flags, scheduler.nice, scheduler.priority, scheduler.runtime,
                    scheduler.deadline, scheduler.period))
        }
        if let priority = plan.ioPriority {
            page.enter(.ioPriority)
            try check(ck_ioprio_set(ck_IOPRIO_WHO_PROCESS, 0, CInt(priority)))
        }
        if let personality = plan.personality {
            page.enter(.personality)
            try check(ck_personality(UInt(personality)))
        }
        if let policy = plan.memoryPolicy {
            page.enter(.memoryPolicy)
            let mask = try policy.nodes.map { nodes throws(Errno) in try ProcessorList.mask(nodes) } ?? []
            try check(unsafe ck_set_mempolicy(policy.mode, mask, mask.count * 8))
        }
        if let list = plan.cpuAffinity {
            page.enter(.affinity)
            let mask = try ProcessorList.mask(list)
            try check(unsafe ck_sched_setaffinity(0, mask.count, mask))
        }
    }

    /// How willingly the kernel kills it.
    func applyScore() throws(Errno) {
        guard let score = plan.oomScoreAdjust else { return }
        page.enter(.oomScore)
        try writeOwn("oom_score_adj", String(score))
    }

    /// The same in a short-lived process, from which the program's process inherits it: while the ids are still the host's. Without
    /// root its own files in /proc are its own only while it is dumpable.
    func applyScoreEarly() throws(Errno) {
        let isRoot = geteuid() == 0
        if !isRoot { ck_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) }
        defer { if !isRoot { ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) } }
        try applyScore()
    }

    /// Labels that take effect at execve.
    func applyLabels() throws(Errno) {
        if let profile = plan.apparmorProfile {
            page.enter(.label, 0)
            do throws(Errno) { try writeOwn("attr/apparmor/exec", "exec " + profile) } catch {
                guard error == .noSuchFileOrDirectory else { throw error }
                try writeOwn("attr/exec", "exec " + profile)
            }
        }
        if let label = plan.selinuxLabel {
            page.enter(.label, 1)
            try writeOwn("attr/exec", label)
        }
    }

    /// Writes to a file of /proc/self of the host.
    private func writeOwn(_ file: String, _ value: String) throws(Errno) {
        guard let hostProc else { throw .noSuchFileOrDirectory }
        let descriptor = OwnedDescriptor(
            CInt(try check(unsafe ck_openat(hostProc.rawValue, "self/" + file, O_WRONLY | O_CLOEXEC, 0))))
        guard descriptor.isOnProc else { throw .operationNotSupportedByDevice }
        try descriptor.write(value)
    }
}

/// A list of processors as cpusets write it: `0-3,7`.
enum ProcessorList {
    /// The list as the bit mask of sched_setaffinity(2), for up to 8192 processors.
    /// - Throws: `Errno.invalidArgument` for anything that is no such list.
    static func mask(_ list: String) throws(Errno) -> [UInt8] {
        var mask = [UInt8](repeating: 0, count: 1024)
        for range in list.utf8.split(separator: UInt8(ascii: ",")) {
            let ends = range.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let first = Int(String(Substring(ends[0]))),
                let last = Int(String(Substring(ends[ends.count - 1]))), first >= 0, first <= last, last < 8192
            else { throw .invalidArgument }
            for processor in first...last { mask[processor / 8] |= 1 << UInt8(processor % 8) }
        }
        return mask
    }
}
