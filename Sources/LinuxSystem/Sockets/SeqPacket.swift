internal import CLinux
package import SystemPackage

/// Limits of one message between two processes of ours: SEQPACKET datagrams stop at about 208 KiB and SCM_RIGHTS at
/// 253 descriptors, so a frame stays well below both and larger things travel in a sealed memfd.
package enum MessageLimit {
    package static let bytes = 64 * 1024
    package static let descriptors = 64
}

/// A received message. Its descriptors belong to the receiver.
package struct ReceivedMessage: ~Copyable {
    package var bytes: [UInt8]
    package var descriptors: DescriptorList

    /// Gives the descriptors to a new owner. (A stored property of another module cannot be moved out.)
    package consuming func takeDescriptors() -> DescriptorList { descriptors }
}

/// Owned descriptors in the order in which they were sent. (Arrays cannot hold noncopyable elements.)
package struct DescriptorList: ~Copyable, Sendable {
    private var numbers: [CInt]
    private var next = 0

    package init(_ numbers: consuming [CInt] = []) { self.numbers = numbers }

    deinit { for number in numbers[next...] { close(number) } }

    /// How many have not been taken.
    package var count: Int { numbers.count - next }

    /// Those that have not been taken, which stay the list's.
    package var numbersLeft: [CInt] { Array(numbers[next...]) }

    /// The next descriptor, which the caller owns from now on.
    package mutating func take() -> OwnedDescriptor? {
        guard next < numbers.count else { return nil }
        defer { next += 1 }
        return OwnedDescriptor(numbers[next])
    }

    /// Gives all that are left to a new owner, by number.
    package consuming func release() -> [CInt] {
        defer { next = numbers.count }  // nothing is left for the deinit
        return Array(numbers[next...])
    }
}

/// Two connected sockets. (A tuple cannot hold noncopyable elements.)
package struct SocketPair: ~Copyable {
    /// The end that stays.
    package let near: OwnedDescriptor
    /// The end that is handed over.
    package let far: OwnedDescriptor

    /// Two connected AF_UNIX SEQPACKET sockets, close-on-exec.
    package init() throws(Errno) {
        var pair: [CInt] = [-1, -1]
        try check(ck_socket_pair(CInt(SOCK_SEQPACKET.rawValue), &pair))
        near = OwnedDescriptor(pair[0])
        far = OwnedDescriptor(pair[1])
    }
}

extension OwnedDescriptor {
    /// Sends one message.
    /// - Throws: `Errno.brokenPipe` when the peer is gone, `Errno.resourceTemporarilyUnavailable` when `nonBlocking`
    ///   and its buffer is full.
    package borrowing func send(
        _ bytes: [UInt8], descriptors: [CInt] = [], nonBlocking: Bool = false
    ) throws(Errno) {
        try check(
            ck_send(
                rawValue, bytes, bytes.count, descriptors, descriptors.count,
                nonBlocking ? CInt(MSG_DONTWAIT) : 0))
    }

    /// Receives one message; nil at the end (the peer has closed).
    /// - Throws: `Errno.messageTooLong` for one above the limits, which is a breach of the protocol.
    package borrowing func receive(nonBlocking: Bool = false) throws(Errno) -> ReceivedMessage? {
        let descriptor = rawValue
        var numbers = [CInt](repeating: -1, count: MessageLimit.descriptors)
        var count = numbers.count
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: MessageLimit.bytes) { buffer, size in
            result = ck_receive(
                descriptor, buffer.baseAddress, buffer.count, &numbers, &count,
                nonBlocking ? CInt(MSG_DONTWAIT) : 0)
            size = max(result, 0)
        }
        try check(result)
        numbers.removeLast(numbers.count - count)
        if bytes.isEmpty && numbers.isEmpty { return nil }
        return ReceivedMessage(bytes: bytes, descriptors: DescriptorList(numbers))
    }

    /// Who connected, or made the pair. See: man 7 unix (SO_PEERCRED).
    package borrowing func peerCredentials() throws(Errno) -> (pid: CInt, uid: UInt32, gid: UInt32) {
        var pid: CInt = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        try check(ck_peer_credentials(rawValue, &pid, &uid, &gid))
        return (pid, uid, gid)
    }
}
