internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import Synchronization

/// What a shim has ahead of its request.
enum ShimPreparation {
    private static let network = Mutex<SharedDescriptor?>(nil)

    static func prepare(isSpare: Bool) {
        ShimRehearsal.run()
        if isSpare { network.withLock { $0 = PreparedNetwork.make() } }
    }

    /// The network namespace made ahead, once: a container that is launched again gets a new one.
    static func takeNetwork() -> SharedDescriptor? { network.withLock { $0.take() } }
}

/// Called by the spawner: in itself when it starts, and in the fork that will be the next shim.
@c(containerkit_prepare_shim)
public func prepareShim(_ isSpare: CInt) { ShimPreparation.prepare(isSpare: isSpare != 0) }
