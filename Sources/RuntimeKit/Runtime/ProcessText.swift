internal import JSONCoding
internal import OCIModel

/// A process of the configuration as the specification writes it.
enum ProcessText {
    /// - Throws: `RuntimeError.Code.unsupportedField` for what is not written.
    static func json(_ process: RuntimeConfiguration.Process) throws(RuntimeError) -> String {
        if process.scheduler != nil { throw .unsupported("process.scheduler") }
        if process.ioPriority != nil { throw .unsupported("process.ioPriority") }
        if process.execCPUAffinity != nil { throw .unsupported("process.execCPUAffinity") }
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
        return JSONValue.object(members).text()
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
