import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Attacks that runtimes have fallen to, carried out. Each has a twin, the same attack where this suite has taken the protection away, to
/// show that the attack is one.
@Suite("Command: attacks", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .ckrunOnly, .serialized)
struct CommandAttackTests {
    // MARK: CVE-2016-9962, reading the runtime's process while it joins

    @Test func theJoiningProcessShowsNoDescriptorOfTheHost() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let secret = try cleanup.directory("secret")
            try Files.write("secret of the host", to: secret.appending("file"))
            // Everything that a process of the container with CAP_SYS_PTRACE can do: look into each newcomer's descriptors at once.
            let script = "while true; do for f in /proc/[0-9]*/fd/*; do cat $f/file; done; done 2>/dev/null | head -c 18 > /found"
            let capabilities = ["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_KILL"]
            try bundle.start(script) {
                $0.process?.capabilities = .init(bounding: capabilities, effective: capabilities, permitted: capabilities)
            }
            let path = try #require(RuntimeUnderTest.path)
            let holder = "exec 9< \(secret.string); exec \"$@\""
            for _ in 0..<30 {
                _ = try Command(["sh", "-c", holder, "sh", path, "--root", bundle.root.string, "exec", bundle.id, "/bin/true"]).run()
            }
            #expect(try Files.read(bundle.rootfs.appending("found")).isEmpty)
            // Handed over on purpose it is found: the look is a look.
            for _ in 0..<30 where try Files.read(bundle.rootfs.appending("found")).isEmpty {
                _ = try Command([
                    "sh", "-c", holder, "sh", path, "--root", bundle.root.string, "exec", "--preserve-fds", "7", bundle.id, "/bin/sleep",
                    "1",
                ]).run()
            }
            #expect(String(decoding: try Files.read(bundle.rootfs.appending("found")), as: UTF8.self) == "secret of the host")
        }
    }

    // MARK: CVE-2024-21626, a working directory that is a descriptor of the host

    @Test func workingDirectoryIsNoWayOut() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let path = try #require(RuntimeUnderTest.path)
            for descriptor in 3..<10 {
                var configuration = bundle.configuration("cat ../../../../../../../etc/hostname; pwd")
                configuration.process?.cwd = "/proc/self/fd/\(descriptor)"
                try bundle.write(configuration)
                let result = try Command([
                    "sh", "-c", "exec \(descriptor)< /sys/fs/cgroup; exec \"$@\"", "sh", path, "--root", bundle.root.string, "run",
                    "--bundle",
                    bundle.directory.string, bundle.id,
                ]).run()
                #expect(result.status != 0, "descriptor \(descriptor): \(result.standardOutput)")
            }
            // With the descriptor handed over the program itself gets there: the check is what stood in the way above.
            try bundle.write(bundle.configuration("ls /proc/self/fd/3/ | head -n 1"))
            let result = try Command([
                "sh", "-c", "exec 3< /sys/fs/cgroup; exec \"$@\"", "sh", path, "--root", bundle.root.string, "run", "--preserve-fds", "1",
                "--bundle", bundle.directory.string, bundle.id,
            ]).run()
            #expect(result.status == 0 && !result.standardOutput.isEmpty)
        }
    }

    @Test func workingDirectoryOfAnExecIsNoWayOut() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let path = try #require(RuntimeUnderTest.path)
            for descriptor in 3..<10 {
                let result = try Command([
                    "sh", "-c", "exec \(descriptor)< /sys/fs/cgroup; exec \"$@\"", "sh", path, "--root", bundle.root.string, "exec",
                    "--cwd",
                    "/proc/self/fd/\(descriptor)", bundle.id, "/bin/ls",
                ]).run()
                #expect(result.status == 255, "descriptor \(descriptor): \(result.standardOutput)")
            }
        }
    }

    // MARK: CVE-2022-29162, inheritable capabilities

    @Test func inheritableCapabilitiesAreEmptyUnlessAsked() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let script = "grep CapInh /proc/self/status | tr -d '\\t'"
            #expect(
                try bundle.runtime("exec", "--cap", "CAP_CHOWN", bundle.id, "/bin/sh", "-c", script).standardOutput
                    == "CapInh:0000000000000000\n")
            // Asked for, they are there.
            let text = try CommandBundle(cleanup).output(script) {
                $0.process?.capabilities?.bounding = ["CAP_KILL"]
                $0.process?.capabilities?.inheritable = ["CAP_KILL"]
            }
            #expect(text == "CapInh:0000000000000020")
        }
    }

    // MARK: CVE-2019-16884, a volume over /proc

    @Test func nothingButProcfsIsMountedOnProc() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            for place in ["/proc/self/attr", "/proc/sys", "/proc/../proc/self"] {
                let result = try bundle.run("true") { $0.mounts?.append(.init(destination: place, type: "tmpfs", source: "tmpfs")) }
                #expect(result.status == 1, "\(place)")
            }
            // Beside it the same mount is made.
            #expect(
                try bundle.run("true") { $0.mounts?.append(.init(destination: "/procedure", type: "tmpfs", source: "tmpfs")) }.status == 0)
        }
    }

    // MARK: images with links for directories

    @Test(arguments: ["dev", "proc", "sys"])
    func imageWithALinkForASystemDirectory(_ name: String) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let outside = try cleanup.directory("outside")
            try Command.run("rm", "-rf", bundle.rootfs.appending(name).string)
            #expect(symlink(outside.string, bundle.rootfs.appending(name).string) == 0)
            _ = try bundle.run("true")
            // Whatever becomes of the container: nothing was made or mounted outside of its root.
            #expect(Files.names(in: outside) == [])
            #expect(try !Files.text("/proc/self/mountinfo").contains(outside.string))
            // Followed by the host's eyes the link leads there: the image is what it says.
            try Files.write("", to: bundle.rootfs.appending(name).appending("proof"))
            #expect(Files.names(in: outside) == ["proof"])
        }
    }

    // MARK: CVE-2026-30892, users that are no numbers

    @Test(arguments: ["-1", "4294967296", "4294967295", "0x10", "1 ", "+1", "1:", ":1", "1:2:3", "", "1e3", "18446744073709551616"])
    func usersThatAreNoIds(_ text: String) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try bundle.runtime("exec", "--user=\(text)", bundle.id, "/bin/id", "-u")
            #expect(result.status == 255, "\(text): \(result.standardOutput)")
            #expect(result.standardOutput.isEmpty)
            // The next one that is an id works.
            #expect(try bundle.runtime("exec", "--user", "4294967294", bundle.id, "/bin/id", "-u").standardOutput == "4294967294\n")
        }
    }

    // MARK: state

    @Test func stateIsNobodyElses() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            for (path, mode) in [
                (bundle.root, 0o700), (bundle.root.appending(bundle.id), 0o700),
                (bundle.root.appending(bundle.id).appending("state.json"), 0o600),
            ] {
                var status = stat()
                #expect(stat(path.string, &status) == 0)
                #expect(Int(status.st_mode & 0o777) == mode, "\(path)")
            }
        }
    }
}

extension String {
    var trimmed: String { String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
