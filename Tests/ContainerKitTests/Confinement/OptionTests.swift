import ContainerKit
import TestSupport
import Testing

/// Each option of a container, seen from inside.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct OptionTests {
    @Test func readOnlyRootWithATmpfs() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let script =
                "touch /x 2>&1 | grep -c Read-only; echo ok > /scratch/file && cat /scratch/file; df -k /scratch | tail -1 | awk '{print $2}'"
            let result = try await fixture.engine.run(image, ["sh", "-c", script]) { configuration in
                configuration.readOnlyRoot = true
                configuration.mounts = [.temporary("/scratch", size: .mebibytes(4))]
            }
            #expect(result.standardOutput == "1\nok\n4096\n")
        }
    }

    @Test func bindMounts() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let shared = fixture.base.appending("shared")
            try TestDirectory.create(shared)
            try Files.write("from the host\n", to: shared.appending("file"))
            let script = "cat /ro/file; touch /ro/new 2>&1 | grep -c Read-only; echo written > /rw/new"
            let result = try await fixture.engine.run(image, ["sh", "-c", script]) { configuration in
                configuration.mounts = [.bind(shared, to: "/ro", readOnly: true), .bind(shared, to: "/rw")]
            }
            #expect(result.standardOutput == "from the host\n1\n")
            #expect(try Files.text(shared.appending("new")) == "written\n")
            let error = await #expect(throws: ContainerError.self) {
                try await fixture.engine.run(image, ["true"]) { $0.mounts = [.bind("/no/such/source", to: "/x")] }
            }
            #expect("\(try #require(error))".contains("/no/such/source"))
        }
    }

    @Test func memoryLimitEndsWithOutOfMemory() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(
                fixture.directory, ["sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo survived"]
            ) { configuration in
                configuration.resources.memory = .mebibytes(32)
                configuration.resources.memorySwap = .mebibytes(32)
            }
            #expect(result.status == .outOfMemory || result.exit.status == .exited(137) || result.standardOutput.isEmpty)
            let first = try await fixture.engine.run(fixture.directory, ["tail", "/dev/zero"]) { configuration in
                configuration.resources.memory = .mebibytes(32)
                configuration.resources.memorySwap = .mebibytes(32)
            }
            #expect(first.status == .outOfMemory)
        }
    }

    @Test func processLimitRefusesForks() async throws {
        try await EngineFixture.with { fixture in
            let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; wait"
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script]) { $0.resources.pids = 4 }
            #expect(result.standardError.contains("fork"))
        }
    }

    @Test func limitsSysctlsUsersAndNames() async throws {
        try await EngineFixture.with { fixture in
            let script = "ulimit -n; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; id -u; id -g; hostname; pwd; echo $A"
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script]) { configuration in
                configuration.resourceLimits = [.init(type: "RLIMIT_NOFILE", soft: 123, hard: 456)]
                configuration.sysctls["net.ipv4.ip_unprivileged_port_start"] = "80"
                configuration.user = "app:staff"
                configuration.hostname = "named"
                configuration.workingDirectory = "/tmp"
                configuration.environment["A"] = "b c"
            }
            #expect(result.standardOutput == "123\n80\n1000\n50\nnamed\n/tmp\nb c\n")
        }
    }

    @Test func whatIsNotEnforcedIsRefused() async throws {
        try await EngineFixture.with { fixture in
            func code(_ configure: (inout ContainerConfiguration) -> Void) async -> ContainerError.Code? {
                do {
                    _ = try await fixture.engine.run(fixture.directory, ["true"], configure: configure)
                    return nil
                } catch { return (error as? ContainerError)?.code }
            }
            #expect(await code { $0.security.addedCapabilities = ["CAP_NONSENSE"] } == .configurationRefused)
            #expect(await code { $0.resourceLimits = [.init(type: "RLIMIT_NONSENSE", soft: 1, hard: 1)] } == .configurationRefused)
            #expect(await code { $0.sysctls["kernel.panic"] = "1" } == .configurationRefused)
            #expect(await code { $0.user = "who" } == .configurationRefused)
            #expect(await code { $0.workingDirectory = "relative" } == .configurationRefused)
            #expect(await code { $0.life = .durable } == .configurationRefused)
            #expect(await code { $0.standardInput = .stream } == .configurationRefused)
            #expect(await code { $0.oomScoreAdjustment = 5000 } == .configurationRefused)
            #expect(await code { $0.resources.memory = .bytes(-1) } == .configurationRefused)
            #expect(
                await code {
                    $0.terminal = true
                    $0.output = .discard
                } == .configurationRefused)
        }
    }
}
