import CShimExecutable
import Glibc
import ShimChild
import SpawnKit

/// The spawner of durable containers as an executable of its own: no more than their supervisors need, so that it can be linked statically,
/// and those that are left when the host program has ended are small. The library starts it; its `main` runs only when somebody else does.
@main
struct DurableShim {
    static func main() {
        guard containerkit_serves_other_programs != 0 else { return }
        print(
            """
            durable-shim is started by programs that use ContainerKit, never by hand.
            Set its path as `durableShim` in the engine's configuration.
            """)
        exit(64)
    }
}
