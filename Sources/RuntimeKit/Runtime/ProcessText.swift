internal import JSONCoding
internal import OCIModel

/// A process of the configuration as the specification writes it.
enum ProcessText {
    static func json(_ process: RuntimeConfiguration.Process) -> String {
        var members: [(String, JSONValue)] = [("cwd", .string(process.cwd))]
        func strings(_ name: String, _ list: [String]?) { if let list { members.append((name, .array(list.map { .string($0) }))) } }
        strings("args", process.args)
        strings("env", process.env)
        if let terminal = process.terminal { members.append(("terminal", .bool(terminal))) }
        if let value = process.noNewPrivileges { members.append(("noNewPrivileges", .bool(value))) }
        if let value = process.oomScoreAdj { members.append(("oomScoreAdj", .integer(Int64(value)))) }
        if let value = process.apparmorProfile { members.append(("apparmorProfile", .string(value))) }
        if let value = process.selinuxLabel { members.append(("selinuxLabel", .string(value))) }
        if let size = process.consoleSize {
            members.append(
                ("consoleSize", .object([("height", .unsigned(UInt64(size.height))), ("width", .unsigned(UInt64(size.width)))])))
        }
        if let user = process.user { members.append(("user", Self.user(user))) }
        if let sets = process.capabilities {
            let named = [
                ("bounding", sets.bounding), ("effective", sets.effective), ("inheritable", sets.inheritable),
                ("permitted", sets.permitted), ("ambient", sets.ambient),
            ]
            let present = named.compactMap { name, list in list.map { (name, JSONValue.array($0.map { .string($0) })) } }
            members.append(("capabilities", .object(present)))
        }
        if let limits = process.rlimits {
            let list = limits.map {
                JSONValue.object([("type", .string($0.type)), ("soft", .unsigned($0.soft)), ("hard", .unsigned($0.hard))])
            }
            members.append(("rlimits", .array(list)))
        }
        if let scheduler = process.scheduler { members.append(("scheduler", Self.scheduler(scheduler))) }
        if let priority = process.ioPriority {
            let level = priority.priority.map { [("priority", JSONValue.integer(Int64($0)))] } ?? []
            members.append(("ioPriority", .object([("class", .string(priority.class))] + level)))
        }
        if let affinity = process.execCPUAffinity {
            let lists = [("initial", affinity.initial), ("final", affinity.final)]
            members.append(("execCPUAffinity", .object(lists.compactMap { name, list in list.map { (name, .string($0)) } })))
        }
        return JSONValue.object(members).text()
    }

    private static func scheduler(_ scheduler: RuntimeConfiguration.Scheduler) -> JSONValue {
        var members: [(String, JSONValue)] = [("policy", .string(scheduler.policy))]
        if let nice = scheduler.nice { members.append(("nice", .integer(Int64(nice)))) }
        if let priority = scheduler.priority { members.append(("priority", .integer(Int64(priority)))) }
        if let flags = scheduler.flags { members.append(("flags", .array(flags.map { .string($0) }))) }
        for (name, time) in [("runtime", scheduler.runtime), ("deadline", scheduler.deadline), ("period", scheduler.period)] {
            if let time { members.append((name, .unsigned(time))) }
        }
        return .object(members)
    }

    private static func user(_ user: RuntimeConfiguration.User) -> JSONValue {
        var members: [(String, JSONValue)] = []
        if let uid = user.uid { members.append(("uid", .unsigned(UInt64(uid)))) }
        if let gid = user.gid { members.append(("gid", .unsigned(UInt64(gid)))) }
        if let umask = user.umask { members.append(("umask", .unsigned(UInt64(umask)))) }
        if let groups = user.additionalGids { members.append(("additionalGids", .array(groups.map { .unsigned(UInt64($0)) }))) }
        return .object(members)
    }
}
