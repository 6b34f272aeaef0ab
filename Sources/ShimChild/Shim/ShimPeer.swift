internal import LinuxSystem
internal import SystemPackage

/// A program that is connected to the shim.
final class ShimPeer {
    let descriptor: OwnedDescriptor
    /// The one who made the container: its connection carries the life bond of a throwaway container.
    let isCreator: Bool
    private var queue: [(bytes: [UInt8], descriptors: [SharedDescriptor])] = []
    /// It stopped reading, or went away: to be dropped.
    private(set) var isLost = false

    /// Events that wait for a peer who does not read. More, and it is dropped: the shim never blocks on a peer.
    private static let queueLimit = 64

    init(_ descriptor: consuming OwnedDescriptor, isCreator: Bool) {
        self.descriptor = descriptor
        self.isCreator = isCreator
    }

    var hasQueue: Bool { !queue.isEmpty }

    func send(_ event: ShimEvent, descriptors: [SharedDescriptor] = []) {
        guard !isLost else { return }
        queue.append((event.encode(), descriptors))
        flush()
        if queue.count > Self.queueLimit { isLost = true }
    }

    func flush() {
        while let next = queue.first, !isLost {
            do throws(Errno) {
                try descriptor.send(next.bytes, descriptors: next.descriptors.map(\.rawValue), nonBlocking: true)
                queue.removeFirst()
            } catch {
                if error == .resourceTemporarilyUnavailable { return }
                isLost = true
            }
        }
    }
}
