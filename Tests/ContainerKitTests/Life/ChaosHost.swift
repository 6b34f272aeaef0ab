import ContainerKit
import Glibc
import TestSupport
import Testing

/// Set in the host programs that the chaos test kills, unset in the tests' own process.
let chaosBase = getenv("CONTAINERKIT_CHAOS_BASE").map { FilePath(String(cString: $0)) }

/// What a container goes through, as the host announces it.
enum ChaosPhase: String, CaseIterable {
    case create, start, exec, attach, stop, delete
}

/// The program that is killed: this test program once more. Workers make throwaway and durable containers side by side, without end,
/// and write into `phases` what they are about to do: worker, phase, container, nanoseconds of CLOCK_MONOTONIC.
@Suite(.enabled(if: chaosBase != nil, "a host for other tests, in a process of its own"))
struct ChaosHost {
    @Test func host() async throws {
        let base = try #require(chaosBase)
        let token = try #require(getenv("CONTAINERKIT_CHAOS_TOKEN").map { String(cString: $0) })
        let log = try FileDescriptor.open(
            base.appending("phases"), .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.removesCgroupParent = false
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
        } operation: { engine in
            await withTaskGroup(of: Void.self) { group in
                for worker in ["t0", "t1", "d0", "d1"] {
                    group.addTask { await Self.work(worker, token: token, engine, base, log) }
                }
            }
        }
    }

    private static func work(_ worker: String, token: String, _ engine: ContainerEngine, _ base: FilePath, _ log: FileDescriptor) async {
        for number in 0... {
            let name = "\(token)\(worker)\(number)"
            var phase = ChaosPhase.create
            func enter(_ next: ChaosPhase) {
                phase = next
                say("\(worker) \(next.rawValue) \(name)", log)
            }
            var container: Container?
            do {
                enter(.create)
                let made = try await engine.create(ContainerSource.directory(base.appending("rootfs"))) {
                    $0.name = ContainerID(name)
                    $0.command = ["sh", "-c", script(name)]
                    $0.environment["CHAOS"] = name
                    $0.mounts = [.bind(base.appending("proof"), to: "/proof")]
                    $0.output = .discard
                    $0.isShared = true
                    $0.life = worker.hasPrefix("d") ? .durable : .throwaway
                }
                container = made
                enter(.start)
                try await made.start()
                enter(.exec)
                _ = try await made.exec(["true"])
                enter(.attach)
                let again = try await engine.reattach(name)
                again.detach()
                enter(.stop)
                try await made.stop(gracePeriod: .seconds(2))
                enter(.delete)
                try await made.delete()
                say("\(worker) done \(name)", log)
            } catch {
                let code = (error as? ContainerError).map { "\($0.code)".filter { $0 != " " } } ?? "\(type(of: error))"
                say("\(worker) error-\(phase.rawValue)-\(code) \(name)", log)
                do { try await container?.delete() } catch {
                    say("\(worker) undeleted-\("\(error)".filter { $0 != " " && $0 != "\n" }) \(name)", log)
                }
            }
        }
    }

    /// Writes what its exit record has to agree with.
    private static func script(_ name: String) -> String {
        "trap 'echo ending >> /proof/\(name); exit 7' TERM; sleep 1000 & while :; do sleep 0.02; done"
    }

    private static func say(_ text: String, _ log: FileDescriptor) {
        _ = try? log.writeAll("\(text) \(ChaosDriver.monotonic())\n".utf8)
    }
}
