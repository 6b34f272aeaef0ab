import BundleChild
import CShimExecutable
import Glibc
import ShimChild
import SpawnKit

/// The spawner as an executable of its own, for host programs that cannot execute themselves a second time (started
/// through the dynamic loader, a plugin of another language's process). The library starts it; its `main` runs only when
/// somebody else does.
@main
struct ContainerShim {
    static func main() {
        guard containerkit_serves_other_programs != 0 else { return }
        print(
            """
            container-shim is started by programs that use ContainerKit, never by hand.
            Set its path as `spawner.executable` in the engine's configuration.
            """)
        exit(64)
    }
}
