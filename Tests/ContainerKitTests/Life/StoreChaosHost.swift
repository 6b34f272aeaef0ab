import ContainerKit
import Glibc
import TestSupport
import Testing

/// Set in the programs that the test of kills during pulls kills, unset in the tests' own process.
let storeChaosBase = getenv("CONTAINERKIT_STORE_CHAOS_BASE").map { FilePath(String(cString: $0)) }

/// The program that is killed: this test program once more. It pulls an image, removes it and begins anew, without end.
@Suite(.enabled(if: storeChaosBase != nil, "a host for other tests, in a process of its own"))
struct StoreChaosHost {
    @Test func host() async throws {
        let base = try #require(storeChaosBase)
        let name = try #require(getenv("CONTAINERKIT_STORE_CHAOS_IMAGE").map { String(cString: $0) })
        while true {
            // An engine of its own each time: it holds the layers of what it has used until it ends.
            try await withContainerEngine {
                StoreChaosTests.configure(&$0, in: base, runner: getppid())
            } operation: { engine in
                if try await engine.images.list().contains(where: { $0.reference.familiar == name || $0.reference.description == name }) {
                    try await engine.images.remove(name)
                }
                try await engine.images.pull(name, policy: .always)
            }
        }
    }
}
