internal import OCIModel
internal import RuntimeChild

/// CPU and I/O scheduling. See: man 2 sched_setattr, man 2 ioprio_set.
enum SchedulerCompiler {
    /// linux/sched.h.
    private static let policies: [String: UInt32] = [
        "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_IDLE": 5, "SCHED_DEADLINE": 6,
    ]
    /// linux/sched.h. The utilisation clamps are missing: the specification has no values for them.
    private static let flags: [String: UInt64] = [
        "SCHED_FLAG_RESET_ON_FORK": 0x01, "SCHED_FLAG_RECLAIM": 0x02, "SCHED_FLAG_DL_OVERRUN": 0x04, "SCHED_FLAG_KEEP_POLICY": 0x08,
        "SCHED_FLAG_KEEP_PARAMS": 0x10,
    ]

    static func compile(_ scheduler: RuntimeConfiguration.Scheduler) throws(RuntimeError) -> SchedulerPlan {
        let field = "process.scheduler"
        guard let policy = policies[scheduler.policy] else {
            throw .unsupported(field + ".policy", "\"\(scheduler.policy)\" is no policy of Linux")
        }
        var plan = SchedulerPlan(policy: policy)
        for (index, name) in (scheduler.flags ?? []).enumerated() {
            guard let flag = flags[name] else { throw .unsupported("\(field).flags[\(index)]", "\"\(name)\" is not supported") }
            plan.flags |= flag
        }
        let isRealTime = policy == 1 || policy == 2
        if let nice = scheduler.nice {
            guard (-20...19).contains(nice) else { throw .invalid(field + ".nice", "\(nice) is not between -20 and 19") }
            plan.nice = nice
        }
        let priority = scheduler.priority ?? 0
        if isRealTime {
            guard (1...99).contains(priority) else { throw .invalid(field + ".priority", "\(priority) is not between 1 and 99") }
        } else if priority != 0 {
            throw .invalid(field + ".priority", "is of SCHED_FIFO and SCHED_RR only")
        }
        plan.priority = UInt32(priority)
        plan.runtime = scheduler.runtime ?? 0
        plan.deadline = scheduler.deadline ?? 0
        plan.period = scheduler.period ?? 0
        if policy == 6 {
            guard plan.runtime >= 1024, plan.runtime <= plan.deadline, plan.period == 0 || plan.deadline <= plan.period else {
                throw .invalid(field, "SCHED_DEADLINE needs 1024 ≤ runtime ≤ deadline ≤ period")
            }
        } else if plan.runtime != 0 || plan.deadline != 0 || plan.period != 0 {
            throw .invalid(field, "runtime, deadline and period are of SCHED_DEADLINE only")
        }
        return plan
    }

    /// Class in the upper bits, level in the lower 13.
    static func compile(_ priority: RuntimeConfiguration.IOPriority) throws(RuntimeError) -> UInt16 {
        let field = "process.ioPriority"
        let level = priority.priority ?? 0
        guard (0...7).contains(level) else { throw .invalid(field + ".priority", "\(level) is not between 0 and 7") }
        let number: UInt16
        switch priority.class {
        case "IOPRIO_CLASS_RT": number = 1
        case "IOPRIO_CLASS_BE": number = 2
        case "IOPRIO_CLASS_IDLE": number = 3
        default: throw .invalid(field + ".class", "\"\(priority.class)\" is an unknown class")
        }
        return number << 13 | UInt16(level)
    }
}
