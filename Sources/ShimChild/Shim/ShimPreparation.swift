internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import Synchronization

/// What a shim has ahead of its request.
enum ShimPreparation {
    private static let network = Mutex<PreparedNetwork?>(nil)
    /// Made once, in the spawner: its forks have it.
    private static let mounts = Mutex<SharedDescriptor?>(nil)

    static func prepare(isSpare: Bool) {
        ShimRehearsal.run()
        if isSpare {
            network.withLock { $0 = PreparedNetwork.make() }
        } else {
            mounts.withLock { $0 = EmptyMounts.make() }
            ShimRehearsal.launch(take())
            ck_seal_heap()
            ck_forget_images()
        }
    }

    /// The network namespace made ahead is in it once: a container that is launched again gets a new one.
    static func take() -> LaunchPreparation {
        LaunchPreparation(network: network.withLock { $0.take() }, mounts: mounts.withLock { $0 })
    }
}

/// Called by the spawner: in itself when it starts, and in the fork that will be the next shim.
@c(containerkit_prepare_shim)
public func prepareShim(_ isSpare: CInt) { ShimPreparation.prepare(isSpare: isSpare != 0) }
