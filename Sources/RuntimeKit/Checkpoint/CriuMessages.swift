/// What criu is asked. The numbers are those of `rpc.proto` of CRIU 3; see criu.org, "RPC".
struct CriuRequest: Sendable, Hashable {
    enum Kind: Int64, Sendable {
        case dump = 1
        case restore = 2
        case preDump = 4
        case notify = 6
        case version = 10
    }

    var kind: Kind
    var options: ProtocolBuffer?
    /// Of the answer to a notification.
    var succeeded: Bool?

    var bytes: [UInt8] {
        var message = ProtocolBuffer()
        message.add(1, number: kind.rawValue)
        if let options { message.add(2, message: options) }
        if let succeeded { message.add(3, flag: succeeded) }
        return message.bytes
    }
}

/// What criu says.
struct CriuResponse: Sendable, Hashable {
    var kind: Int64
    var succeeded: Bool
    /// Of the first process that it restored.
    var pid: Int32?
    /// What it is about to do, or has done, and with which process: its call waits for an answer.
    var notification: String?
    var errno: Int32?
    var message: String?
    var version: Version?

    struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
        var major: Int64
        var minor: Int64

        static func < (one: Self, other: Self) -> Bool { (one.major, one.minor) < (other.major, other.minor) }

        var description: String { "\(major).\(minor)" }
    }

    /// - Returns: nil for what is no answer.
    init?(_ bytes: [UInt8]) {
        guard let fields = ProtocolBufferFields(bytes[...]), let kind = fields.number(1), let succeeded = fields.number(2) else {
            return nil
        }
        self.kind = kind
        self.succeeded = succeeded != 0
        pid = (fields.message(4)?.number(1) ?? fields.message(5)?.number(2)).flatMap { Int32(exactly: $0) }
        notification = fields.message(5)?.text(1)
        errno = fields.number(7).flatMap { Int32(exactly: $0) }
        message = fields.text(9)
        if let version = fields.message(10), let major = version.number(1), let minor = version.number(2) {
            self.version = Version(major: major, minor: minor)
        }
    }
}
