internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

/// What a shim has ahead of its request.
enum ShimPreparation {
    // Unsafe to the compiler only: a spawner and its forks have one thread for ever, so nobody else can look at it.
    private nonisolated(unsafe) static var network: SharedDescriptor?

    static func prepare(isSpare: Bool) {
        ShimRehearsal.run()
        if isSpare { unsafe network = PreparedNetwork.make() }
    }

    /// The network namespace made ahead, once: a container that is launched again gets a new one.
    static func takeNetwork() -> SharedDescriptor? {
        defer { unsafe network = nil }
        return unsafe network
    }
}

/// Called by the spawner: in itself when it starts, and in the fork that will be the next shim.
@c(containerkit_prepare_shim)
public func prepareShim(_ isSpare: CInt) { ShimPreparation.prepare(isSpare: isSpare != 0) }
