import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// Messages with descriptors between two processes, one of which may be hostile.
@Suite(.serialized)
struct MessageTests {
    private static func openDescriptors() throws -> Int {
        let directory = try OwnedDescriptor.open("/proc/self/fd", flags: O_RDONLY | O_DIRECTORY)
        var count = 0
        try DirectoryEntries.forEach(in: directory) { (_, _) throws(Errno) in count += 1 }
        return count
    }

    @Test func bytesAndDescriptorsArrive() throws {
        let pair = try SocketPair()
        let file = try SealedMemory.make([1, 2, 3], name: "sent")
        try pair.near.send([7, 8], descriptors: [file.rawValue, 0])
        let message = try present(pair.far.receive())
        #expect(message.bytes == [7, 8])
        var list = message.takeDescriptors()
        #expect(list.count == 2)
        let received = try present(list.take())
        #expect(fcntl(received.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(try SealedMemory.read(received, limit: 3) == [1, 2, 3])
    }

    @Test func messagesKeepTheirBounds() throws {
        let pair = try SocketPair()
        let largest = [UInt8](repeating: 5, count: MessageLimit.bytes)
        for bytes in [[1], [2, 2], largest] { try pair.near.send(bytes) }
        for bytes in [[1], [2, 2], largest] {
            let message = try present(pair.far.receive())
            #expect(message.bytes == bytes)
        }
    }

    @Test func asManyDescriptorsAsAllowedArrive() throws {
        let pair = try SocketPair()
        try pair.near.send([1], descriptors: [CInt](repeating: 0, count: MessageLimit.descriptors))
        let message = try present(pair.far.receive())
        #expect(message.descriptors.count == MessageLimit.descriptors)
    }

    /// What was cut off is a breach of the protocol, and what did arrive of it is closed.
    @Test func moreThanTheLimitIsRefusedAndNothingStaysOpen() throws {
        let pair = try SocketPair()
        let before = try Self.openDescriptors()
        try pair.near.send([1], descriptors: [CInt](repeating: 0, count: MessageLimit.descriptors + 1))
        #expect(throws: Errno.messageTooLong) { _ = try pair.far.receive()?.bytes }
        try pair.near.send([UInt8](repeating: 1, count: MessageLimit.bytes + 1), descriptors: [0, 0])
        #expect(throws: Errno.messageTooLong) { _ = try pair.far.receive()?.bytes }
        #expect(try Self.openDescriptors() == before)
        // The next message is whole.
        try pair.near.send([9])
        let next = try present(pair.far.receive())
        #expect(next.bytes == [9])
    }

    @Test func aMessageNobodyLooksIntoClosesItsDescriptors() throws {
        let pair = try SocketPair()
        let before = try Self.openDescriptors()
        try pair.near.send([1], descriptors: [0, 0, 0])
        do { _ = try pair.far.receive()?.bytes }
        #expect(try Self.openDescriptors() == before)
    }

    @Test func theEndAndAFullOrEmptySocketAreTold() throws {
        let pair = try SocketPair()
        #expect(throws: Errno.resourceTemporarilyUnavailable) { _ = try pair.far.receive(nonBlocking: true)?.bytes }
        let error = #expect(throws: Errno.self) {
            for _ in 0..<100_000 { try pair.near.send([UInt8](repeating: 0, count: 1000), nonBlocking: true) }
        }
        #expect(error == .resourceTemporarilyUnavailable)
        let other = try SocketPair()
        shutdown(other.far.rawValue, CInt(SHUT_RDWR))
        #expect(throws: Errno.brokenPipe) { try other.near.send([1]) }
        let ended = try other.near.receive() == nil
        #expect(ended)
    }

    @Test func thePeerIsKnown() throws {
        let peer = try SocketPair().near.peerCredentials()
        #expect(peer.pid == getpid() && peer.uid == geteuid() && peer.gid == getegid())
    }
}
