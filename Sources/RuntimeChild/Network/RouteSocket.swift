internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A socket of rtnetlink; it stays in the network namespace it was made in. See: man 7 rtnetlink, man 7 netlink.
struct RouteSocket: ~Copyable {
    private let socket: OwnedDescriptor

    /// One of the caller's own network namespace.
    init() throws(Errno) {
        socket = OwnedDescriptor(CInt(try check(ck_socket(AF_NETLINK, CInt(SOCK_RAW.rawValue), 0))))
    }

    /// One of the network namespace of `process`.
    init(in process: SharedDescriptor) throws(Errno) {
        socket = try ContainerSocket.make(AF_NETLINK, CInt(SOCK_RAW.rawValue), in: process)
    }

    /// Asks the kernel for one thing and waits for its acknowledgement.
    /// - Returns: the bodies of what it answered before.
    @discardableResult
    func ask(_ request: RouteMessage, _ type: UInt16, flags: UInt16 = 0) throws(Errno) -> [[UInt8]] {
        // NLM_F_REQUEST, NLM_F_ACK.
        var message = RouteMessage(UInt32(16 + request.bytes.count))
        message.append(UInt32(type) | UInt32(flags | 5) << 16)
        message.append(1)
        message.append(0)
        try socket.write(message.bytes + request.bytes)
        var answers: [[UInt8]] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 32768)
            let descriptor = socket.rawValue
            let count = try retrying { unsafe ck_read(descriptor, &buffer, buffer.count) }
            var rest = buffer[..<count]
            while rest.count >= 16 {
                let size = Int(RouteMessage.number(rest, 0))
                let kind = UInt16(truncatingIfNeeded: RouteMessage.number(rest, 4))
                guard size >= 16, size <= rest.count else { throw .badMessage }
                let body = rest.dropFirst(16).prefix(size - 16)
                // NLMSG_ERROR, whose 0 is the acknowledgement, and NLMSG_DONE.
                if kind == 2 {
                    let errno = Int32(bitPattern: RouteMessage.number(body, 0))
                    if errno != 0 { throw Errno(rawValue: -errno) }
                    return answers
                }
                if kind == 3 { return answers }
                answers.append(Array(body))
                rest = rest.dropFirst((size + 3) & ~3)
            }
        }
    }
}

/// The body of a request: numbers in the machine's order, which is little-endian, and attributes.
struct RouteMessage {
    private(set) var bytes: [UInt8] = []

    init() {}
    init(_ first: UInt32) { append(first) }

    mutating func append(_ value: UInt32) {
        for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func append(attribute type: UInt16, _ value: [UInt8]) {
        append(UInt32(4 + value.count) | UInt32(type) << 16)
        bytes += value
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func append(attribute type: UInt16, _ value: String) { append(attribute: type, Array(value.utf8) + [0]) }

    mutating func append(attribute type: UInt16, _ value: UInt32) {
        append(attribute: type, RouteMessage(value).bytes)
    }

    /// The number at `offset`; 0 beyond the end.
    static func number(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> UInt32 {
        var value: UInt32 = 0
        for (index, byte) in bytes.dropFirst(offset).prefix(4).enumerated() { value |= UInt32(byte) << UInt32(8 * index) }
        return value
    }

    /// The attributes that follow a header of `size` bytes.
    static func attributes(_ body: [UInt8], after size: Int) -> [UInt16: [UInt8]] {
        var found: [UInt16: [UInt8]] = [:]
        var rest = body.dropFirst(size)
        while rest.count >= 4 {
            let word = number(rest, 0)
            let length = Int(word & 0xffff)
            guard length >= 4, length <= rest.count else { break }
            // Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
            found[UInt16(word >> 16) & 0x3fff] = Array(rest.dropFirst(4).prefix(length - 4))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return found
    }
}
