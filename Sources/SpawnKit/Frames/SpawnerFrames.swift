internal import LinuxSystem
internal import SystemPackage

/// What the host asks of the spawner.
struct SpawnRequest {
    var id: UInt64
    var role: UInt32
    /// Empty when the payload travels in a sealed memfd, which is then the first descriptor.
    var payload: [UInt8]
    var payloadIsSealed: Bool

    /// A payload up to this size travels in the frame.
    static let inlineLimit = MessageLimit.bytes - 64
    /// A sealed payload above this is refused.
    static let sealedLimit = 64 * 1024 * 1024

    func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: payload.count + 32)
        writer.append(id)
        writer.append(role)
        writer.append(payloadIsSealed)
        writer.append(payload)
        return writer.bytes
    }

    init(id: UInt64, role: UInt32, payload: [UInt8], payloadIsSealed: Bool) {
        self.id = id
        self.role = role
        self.payload = payload
        self.payloadIsSealed = payloadIsSealed
    }

    init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        id = try reader.read()
        role = try reader.read()
        payloadIsSealed = try reader.readBool()
        payload = try reader.readBytes()
        try reader.finish()
    }
}

/// What the spawner says of itself when it is ready.
struct SpawnerHello: Hashable {
    var protocolVersion: UInt32
    var threads: UInt32
    /// A dynamic cast to a protocol works: Swift's runtime sees the image's conformances.
    var castWorks: Bool
    /// Bit n: role n is linked.
    var roles: UInt64
    /// It may make pid namespaces, so that a shim's death is its container's.
    var makesPidNamespaces: Bool
    /// The version of the frames that its shims speak; 0 when no shim is linked.
    var shimFrames: UInt32
}

/// What the spawner tells the host.
enum SpawnerEvent: Hashable {
    case hello(SpawnerHello)
    /// The fork succeeded; a pidfd comes along. `pid` is valid in the spawner's pid namespace.
    case spawned(id: UInt64, pid: Int32)
    /// Phase (a fixed list) and errno.
    case failed(id: UInt64, phase: SpawnPhase, errno: Int32)
    /// A role ended: exit code or signal.
    case exited(id: UInt64, signaled: Bool, value: Int32, coreDumped: Bool)

    func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: 32)
        switch self {
        case .hello(let hello):
            writer.append(UInt8(0))
            writer.append(hello.protocolVersion)
            writer.append(hello.threads)
            writer.append(hello.castWorks)
            writer.append(hello.roles)
            writer.append(hello.makesPidNamespaces)
            writer.append(hello.shimFrames)
        case .spawned(let id, let pid):
            writer.append(UInt8(1))
            writer.append(id)
            writer.append(pid)
        case .failed(let id, let phase, let errno):
            writer.append(UInt8(2))
            writer.append(id)
            writer.append(phase.rawValue)
            writer.append(errno)
        case .exited(let id, let signaled, let value, let coreDumped):
            writer.append(UInt8(3))
            writer.append(id)
            writer.append(signaled)
            writer.append(value)
            writer.append(coreDumped)
        }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        switch try reader.read(UInt8.self) {
        case 0:
            self = .hello(
                SpawnerHello(
                    protocolVersion: try reader.read(), threads: try reader.read(), castWorks: try reader.readBool(),
                    roles: try reader.read(), makesPidNamespaces: try reader.readBool(), shimFrames: try reader.read()))
        case 1: self = .spawned(id: try reader.read(), pid: try reader.read())
        case 2:
            let id: UInt64 = try reader.read()
            guard let phase = SpawnPhase(rawValue: try reader.read()) else { throw .invalidValue }
            self = .failed(id: id, phase: phase, errno: try reader.read())
        case 3:
            self = .exited(
                id: try reader.read(), signaled: try reader.readBool(), value: try reader.read(),
                coreDumped: try reader.readBool())
        default: throw .invalidValue
        }
        try reader.finish()
    }
}

/// Where forking a role can fail.
enum SpawnPhase: UInt8, CaseIterable {
    case decode = 0
    case payload, role, unshare, fork, pidfd
}
