package import LinuxSystem

/// What a program asks of a shim. Each has a number that the reply repeats. `process` 0 is the container's first
/// process, others are those of exec.
package enum ShimCommand: Sendable, Hashable {
    case start
    /// To one process, or to every process of the container.
    case signal(process: UInt32, number: Int32, all: Bool)
    /// An encoded `ExecPlan`; stream descriptors come along. With `planIsSealed` the plan is empty here and travels in
    /// a sealed memfd, the first descriptor.
    case exec(process: UInt32, plan: [UInt8], planIsSealed: Bool, streams: StreamPlans)
    case resize(process: UInt32, rows: UInt16, columns: UInt16)
    /// A TCP connection made in the container's network namespace; its descriptor comes with the reply.
    case connect(address: [UInt8], port: UInt16, milliseconds: Int32)
    /// The streams of a process: the lease of their one reader goes to this connection. `holder` is the
    /// caller's process id, told to others who want the lease.
    case attach(process: UInt32, takesOver: Bool, holder: Int32)
    /// Gives the lease back.
    case detach(process: UInt32)
    /// Closes the shim's copy of the writing end of standard input.
    case closeInput(process: UInt32)
    case pause
    case resume
    case state
    /// Whatever its policy, the container is not started again when it ends.
    case forbidRestart
    /// Kills what still runs, removes everything, and ends the shim.
    case delete
    /// Of a newer program: answered with ENOSYS.
    case unknown(kind: UInt8, payload: [UInt8])

    package func encode(id: UInt64) -> [UInt8] {
        var writer = FrameWriter(capacity: 64)
        writer.append(ShimRequest.version)
        writer.append(id)
        switch self {
        case .start: writer.append(UInt8(0))
        case .signal(let process, let number, let all):
            writer.append(UInt8(1))
            writer.append(process)
            writer.append(number)
            writer.append(all)
        case .exec(let process, let plan, let planIsSealed, let streams):
            writer.append(UInt8(2))
            writer.append(process)
            writer.append(plan)
            writer.append(planIsSealed)
            streams.encode(&writer)
        case .resize(let process, let rows, let columns):
            writer.append(UInt8(3))
            writer.append(process)
            writer.append(rows)
            writer.append(columns)
        case .connect(let address, let port, let milliseconds):
            writer.append(UInt8(4))
            writer.append(address)
            writer.append(port)
            writer.append(milliseconds)
        case .attach(let process, let takesOver, let holder):
            writer.append(UInt8(5))
            writer.append(process)
            writer.append(takesOver)
            writer.append(holder)
        case .detach(let process):
            writer.append(UInt8(6))
            writer.append(process)
        case .closeInput(let process):
            writer.append(UInt8(7))
            writer.append(process)
        case .pause: writer.append(UInt8(8))
        case .resume: writer.append(UInt8(9))
        case .state: writer.append(UInt8(10))
        case .delete: writer.append(UInt8(11))
        case .forbidRestart: writer.append(UInt8(12))
        case .unknown(let kind, let payload):
            writer.append(kind)
            return writer.bytes + payload
        }
        return writer.bytes
    }

    /// The command and its number.
    package static func decode(_ bytes: [UInt8]) throws(FrameError) -> (id: UInt64, command: ShimCommand) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == ShimRequest.version else { throw .version(version) }
        let id: UInt64 = try reader.read()
        let command: ShimCommand
        switch try reader.read(UInt8.self) {
        case 0: command = .start
        case 1: command = .signal(process: try reader.read(), number: try reader.read(), all: try reader.readBool())
        case 2:
            command = .exec(
                process: try reader.read(), plan: try reader.readBytes(), planIsSealed: try reader.readBool(),
                streams: try StreamPlans(&reader))
        case 3: command = .resize(process: try reader.read(), rows: try reader.read(), columns: try reader.read())
        case 4:
            command = .connect(address: try reader.readBytes(), port: try reader.read(), milliseconds: try reader.read())
        case 5: command = .attach(process: try reader.read(), takesOver: try reader.readBool(), holder: try reader.read())
        case 6: command = .detach(process: try reader.read())
        case 7: command = .closeInput(process: try reader.read())
        case 8: command = .pause
        case 9: command = .resume
        case 10: command = .state
        case 11: command = .delete
        case 12: command = .forbidRestart
        case let kind: command = .unknown(kind: kind, payload: reader.readRest())
        }
        try reader.finish()
        return (id, command)
    }
}
