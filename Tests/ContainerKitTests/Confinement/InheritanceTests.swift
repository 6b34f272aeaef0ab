import ContainerKit
import Glibc
import TestSupport
import Testing

/// Where the careless host of the tests below keeps its engine; unset in the tests' own process.
private let hostBase = getenv("CONTAINERKIT_CARELESS_BASE").map { FilePath(String(cString: $0)) }

/// A host program with everything that must stay its own: a variable, open descriptors, odd limits and scheduling, a key in its session
/// keyring (from the process that started it), and a secret in memory.
@Suite(.enabled(if: hostBase != nil, "a host for other tests, in a process of its own"))
struct CarelessHostExample {
    @Test func host() async throws {
        let base = try #require(hostBase)
        let secret = try Files.read(base.appending("secret"))
        setenv("CONTAINERKIT_PLANTED", "planted", 1)
        // Not close-on-exec, and of a number nobody would expect.
        let file = open(base.appending("secret").string, O_RDONLY)
        #expect(dup2(file, 77) == 77)
        for (resource, soft) in [(RLIMIT_NOFILE, 4321), (RLIMIT_STACK, 7 << 20), (RLIMIT_CORE, 12_345)] {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(resource.rawValue), &limit)
            limit.rlim_cur = min(limit.rlim_max, rlim_t(soft))
            #expect(setrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0)
        }
        umask(0o007)
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5)
        let score = try FileDescriptor.open("/proc/self/oom_score_adj", .writeOnly)
        try score.closeAfter { _ = try score.writeAll("321".utf8) }
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
        } operation: { engine in
            // With the right to mount, which is what it takes to see /proc/keys behind its mask.
            let keys = "mkdir -p /k; mount -t proc none /k; grep containerkit /k/keys; echo looked"
            try await engine.withContainer(.directory(base.appending("rootfs"))) {
                $0.command = ["sh", "-c", "\(keys); exec sleep 1000"]
                $0.security.addedCapabilities = ["SYS_ADMIN"]
            } operation: { container in
                #expect(try await container.standardOutput.lines.first { _ in true } == "looked")
                let second = try await container.exec(["sh", "-c", keys])
                #expect(second.standardOutput == "looked\n", "\(second)")
                #expect(try Files.text("/proc/keys").contains(CarelessHost.planted), "seen where it is held")
                async let exec = container.exec(["sleep", "1001"])
                try await Task.sleep(for: .milliseconds(1))
                while !Files.exists(base.appending("done")) {
                    try Files.write("", to: base.appending("is-up"))
                    try await Task.sleep(for: .milliseconds(10))
                }
                try await container.signal(.kill)
                _ = try? await exec
            }
        }
        withExtendedLifetime(secret) { _ in }
    }
}

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: hostBase == nil))
struct InheritanceTests {
    @Test func nothingOfTheHostReachesContainersExecsAndShims() async throws {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("careless")
            try TestRootFileSystem.make(at: base.appending("rootfs"))
            let secret = (0..<32).map { _ in UInt8.random(in: 1 ... .max) }
            try Files.write(secret, to: base.appending("secret"))
            var environment = ["CONTAINERKIT_CARELESS_BASE": base.string]
            for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
                if let value = getenv(name) { environment[name] = String(cString: value) }
            }
            let command = Command(
                [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "CarelessHostExample"],
                environment: environment)
            let host = try CarelessHost.startWithKeyring(command)
            let said = { String(decoding: host.output() + host.errors(), as: UTF8.self) }
            var inside: [Int32] = []
            for _ in 0..<1000 where inside.count < 2 && kill(host.pid, 0) == 0 {
                try await Task.sleep(for: .milliseconds(10))
                guard Files.exists(base.appending("is-up")) else { continue }
                inside = CarelessHost.descendants(of: host.pid).filter {
                    ["sleep\01000\0", "sleep\01001\0"].contains(ProcessView($0).text("cmdline"))
                }
            }
            try #require(inside.count == 2, "\(said())")
            // The host has all of it: what is looked for can be found.
            #expect(try CarelessHost.holds(secret, host.pid))
            #expect(ProcessView(host.pid).descriptors[77] != nil)

            for pid in inside {
                let view = ProcessView(pid)
                #expect(!view.environment.contains { $0.contains("PLANTED") || $0.contains("CARELESS") }, "\(view.environment)")
                #expect(view.descriptors.keys.sorted() == [0, 1, 2], "\(view.descriptors)")
                #expect(!view.descriptors.values.contains { $0.contains("secret") })
                let limits = view.text("limits")
                for value in ["4321", "7340032", "12345"] { #expect(!limits.contains(" \(value) "), "\(limits)") }
                #expect(view.text("oom_score_adj") == "0\n")
                #expect(view.status("Umask") == "0022")
                #expect(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid)) == 0)
            }
            // The processes in between as well, which are copies of the host's own program.
            let helpers = CarelessHost.descendants(of: host.pid)
            #expect(helpers.count >= 4, "a spawner and a shim besides: \(helpers)")
            for pid in helpers {
                #expect(try !CarelessHost.holds(secret, pid), "\(ProcessView(pid).text("comm"))")
                #expect(ProcessView(pid).descriptors[77] == nil)
                #expect(!ProcessView(pid).environment.contains { $0.contains("PLANTED") || $0.contains("CARELESS") })
            }
            try Files.write("", to: base.appending("done"))
            #expect(try host.wait(within: .seconds(20)) == 0, "\(said())")
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
    }
}
