internal import LinuxSystem

extension ProcessPlan {
    func encode(_ writer: inout FrameWriter) {
        writer.append(arguments) { writer, argument in writer.append(argument) }
        writer.append(environment) { writer, variable in writer.append(variable) }
        writer.append(workingDirectory)
        writer.append(uid)
        writer.append(gid)
        writer.append(additionalGroups) { writer, group in writer.append(group) }
        writer.append(umask)
        for set in [
            capabilities.bounding, capabilities.effective, capabilities.inheritable, capabilities.permitted,
            capabilities.ambient,
        ] { writer.append(set) }
        writer.append(noNewPrivileges)
        writer.append(limits) { writer, limit in
            writer.append(limit.resource)
            writer.append(limit.soft)
            writer.append(limit.hard)
        }
        writer.appendOptional(oomScoreAdjust) { writer, value in writer.append(value) }
        writer.append(seccompProgram)
        writer.append(seccompFlags)
        writer.append(terminal)
        writer.appendOptional(terminalSize) { writer, size in
            writer.append(size.rows)
            writer.append(size.columns)
        }
        writer.append(apparmorProfile)
        writer.append(selinuxLabel)
        writer.appendOptional(scheduler) { writer, scheduler in scheduler.encode(&writer) }
        writer.appendOptional(ioPriority) { writer, value in writer.append(value) }
        writer.appendOptional(personality) { writer, value in writer.append(value) }
        writer.append(cpuAffinity)
    }

    init(from reader: inout FrameReader) throws(FrameError) {
        self.init(arguments: try reader.readArray { reader throws(FrameError) in try reader.readString() })
        guard !arguments.isEmpty else { throw .invalidValue }
        environment = try reader.readArray { reader throws(FrameError) in try reader.readString() }
        workingDirectory = try reader.readString()
        uid = try reader.read()
        gid = try reader.read()
        additionalGroups = try reader.readArray { reader throws(FrameError) in try reader.read() }
        umask = try reader.read()
        capabilities.bounding = try reader.read()
        capabilities.effective = try reader.read()
        capabilities.inheritable = try reader.read()
        capabilities.permitted = try reader.read()
        capabilities.ambient = try reader.read()
        noNewPrivileges = try reader.readBool()
        limits = try reader.readArray { reader throws(FrameError) in
            ResourceLimit(resource: try reader.read(), soft: try reader.read(), hard: try reader.read())
        }
        oomScoreAdjust = try reader.readBool() ? try reader.read() : nil
        seccompProgram = try reader.readBytes()
        guard seccompProgram.count % 8 == 0 else { throw .invalidValue }
        seccompFlags = try reader.read()
        terminal = try reader.readBool()
        terminalSize =
            try reader.readBool() ? TerminalSize(rows: try reader.read(), columns: try reader.read()) : nil
        apparmorProfile = try reader.readOptionalString()
        selinuxLabel = try reader.readOptionalString()
        scheduler = try reader.readBool() ? try SchedulerPlan(from: &reader) : nil
        ioPriority = try reader.readBool() ? try reader.read() : nil
        personality = try reader.readBool() ? try reader.read() : nil
        cpuAffinity = try reader.readOptionalString()
    }
}

extension SchedulerPlan {
    fileprivate func encode(_ writer: inout FrameWriter) {
        writer.append(policy)
        writer.append(flags)
        writer.append(nice)
        writer.append(priority)
        for value in [runtime, deadline, period] { writer.append(value) }
    }

    fileprivate init(from reader: inout FrameReader) throws(FrameError) {
        self.init(policy: try reader.read())
        flags = try reader.read()
        nice = try reader.read()
        priority = try reader.read()
        runtime = try reader.read()
        deadline = try reader.read()
        period = try reader.read()
    }
}

extension FrameWriter {
    fileprivate mutating func appendOptional<Value>(_ value: Value?, _ encode: (inout FrameWriter, Value) -> Void) {
        append(value != nil)
        if let value { encode(&self, value) }
    }
}
