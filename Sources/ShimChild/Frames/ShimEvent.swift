package import LinuxSystem
package import RuntimeChild
package import SystemPackage

/// What a shim tells. Events without a number go to everybody who is connected.
package enum ShimEvent: Sendable, Hashable {
    /// Parked before its execve. Streams of the first process come along, see `StreamEnds`.
    case created(pid: Int32, streams: StreamEnds)
    case started(pid: Int32, streams: StreamEnds)
    /// There is no container, and nothing is left of it.
    case failed(LaunchFailure)
    case exited(ExitRecord)
    /// A process of exec ended.
    case execExited(process: UInt32, ExitRecord)
    /// Nothing is left of the container: cgroup, directories, sockets. The last frame.
    case removed
    /// Directories or cgroups could not be removed; the sweep will try again.
    case notRemoved(Errno)
    case paused
    case resumed
    /// The first process ended, for the `count`th time, and will be started again.
    case restarting(count: UInt32, ExitRecord)
    /// Another connection has taken the streams of the process.
    case takenOver(process: UInt32, holder: Int32)
    /// Of a newer shim, which has more to tell: to be passed over.
    case unknown(kind: UInt8, payload: [UInt8])
    /// Answer to a command. Descriptors come along for exec, attach and connect.
    case reply(id: UInt64, ShimReply)

    package func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: 96)
        writer.append(ShimRequest.version)
        switch self {
        case .created(let pid, let streams):
            writer.append(UInt8(0))
            writer.append(pid)
            writer.append(streams.rawValue)
        case .started(let pid, let streams):
            writer.append(UInt8(1))
            writer.append(pid)
            writer.append(streams.rawValue)
        case .failed(let failure):
            writer.append(UInt8(2))
            failure.encode(&writer)
        case .exited(let record):
            writer.append(UInt8(3))
            record.encode(&writer)
        case .execExited(let process, let record):
            writer.append(UInt8(4))
            writer.append(process)
            record.encode(&writer)
        case .removed: writer.append(UInt8(5))
        case .notRemoved(let errno):
            writer.append(UInt8(6))
            writer.append(errno.rawValue)
        case .reply(let id, let reply):
            writer.append(UInt8(7))
            writer.append(id)
            reply.encode(&writer)
        case .paused: writer.append(UInt8(8))
        case .resumed: writer.append(UInt8(9))
        case .restarting(let count, let record):
            writer.append(UInt8(10))
            writer.append(count)
            record.encode(&writer)
        case .takenOver(let process, let holder):
            writer.append(UInt8(11))
            writer.append(process)
            writer.append(holder)
        case .unknown(let kind, let payload):
            writer.append(kind)
            return writer.bytes + payload
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == ShimRequest.version else { throw .version(version) }
        switch try reader.read(UInt8.self) {
        case 0: self = .created(pid: try reader.read(), streams: StreamEnds(rawValue: try reader.read()))
        case 1: self = .started(pid: try reader.read(), streams: StreamEnds(rawValue: try reader.read()))
        case 2: self = .failed(try LaunchFailure(&reader))
        case 3: self = .exited(try ExitRecord(&reader))
        case 4: self = .execExited(process: try reader.read(), try ExitRecord(&reader))
        case 5: self = .removed
        case 6: self = .notRemoved(Errno(rawValue: try reader.read()))
        case 7: self = .reply(id: try reader.read(), try ShimReply(&reader))
        case 8: self = .paused
        case 9: self = .resumed
        case 10: self = .restarting(count: try reader.read(), try ExitRecord(&reader))
        case 11: self = .takenOver(process: try reader.read(), holder: try reader.read())
        case let kind: self = .unknown(kind: kind, payload: reader.readRest())
        }
        try reader.finish()
    }
}

/// Which ends come along with a frame, in this order.
package struct StreamEnds: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let input = StreamEnds(rawValue: 1)
    package static let output = StreamEnds(rawValue: 2)
    package static let error = StreamEnds(rawValue: 4)
    /// A pty master, instead of the three.
    package static let terminal = StreamEnds(rawValue: 8)
}

/// The answer to a command.
package enum ShimReply: Sendable, Hashable {
    case done
    case failed(Errno)
    /// The streams of the process belong to another connection, of this process id.
    case busy(holder: Int32)
    /// The command does not fit the state: not started, ended, paused.
    case wrongState(ShimState)
    case launchFailed(LaunchFailure)
    /// exec and attach.
    case streams(pid: Int32, StreamEnds)
    case state(ShimState, pid: Int32)
    /// Of a newer shim, which has more answers: the command was carried out or not.
    case unknown(kind: UInt8, payload: [UInt8])

    func encode(_ writer: inout FrameWriter) {
        switch self {
        case .done: writer.append(UInt8(0))
        case .failed(let errno):
            writer.append(UInt8(1))
            writer.append(errno.rawValue)
        case .busy(let holder):
            writer.append(UInt8(2))
            writer.append(holder)
        case .wrongState(let state):
            writer.append(UInt8(3))
            writer.append(state.rawValue)
        case .launchFailed(let failure):
            writer.append(UInt8(4))
            failure.encode(&writer)
        case .streams(let pid, let ends):
            writer.append(UInt8(5))
            writer.append(pid)
            writer.append(ends.rawValue)
        case .state(let state, let pid):
            writer.append(UInt8(6))
            writer.append(state.rawValue)
            writer.append(pid)
        case .unknown(let kind, let payload):
            writer.append(kind)
            for byte in payload { writer.append(byte) }
        }
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .done
        case 1: self = .failed(Errno(rawValue: try reader.read()))
        case 2: self = .busy(holder: try reader.read())
        case 3: self = .wrongState(try ShimState(&reader))
        case 4: self = .launchFailed(try LaunchFailure(&reader))
        case 5: self = .streams(pid: try reader.read(), StreamEnds(rawValue: try reader.read()))
        case 6: self = .state(try ShimState(&reader), pid: try reader.read())
        case let kind: self = .unknown(kind: kind, payload: reader.readRest())
        }
    }
}

/// The state of a container as its shim sees it.
package enum ShimState: UInt8, Sendable {
    case created = 0
    case running, paused, stopped
    /// It has ended and will be started again.
    case restarting

    init(_ reader: inout FrameReader) throws(FrameError) {
        guard let state = ShimState(rawValue: try reader.read()) else { throw .invalidValue }
        self = state
    }
}

extension LaunchFailure {
    func encode(_ writer: inout FrameWriter) {
        writer.append(phase.rawValue)
        writer.append(index)
        writer.append(errno.rawValue)
        writer.append(signal)
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        guard let phase = LaunchPhase(rawValue: try reader.read()) else { throw .invalidValue }
        self.init(
            phase, index: try reader.read(), errno: Errno(rawValue: try reader.read()), signal: try reader.read())
    }
}
