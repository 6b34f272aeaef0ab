import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Containers that go to files and come back, by criu. Debian's CRIU does not work on every kernel; the guest's is one where it does.
@Suite("Command: checkpoint and restore", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CheckpointTests {
    /// Nil where criu is not installed.
    private static let works: Bool? = Command.find("criu").map { program in
        (try? Command([program, "check"], timeout: .seconds(120)).run().status) == 0
    }

    /// Counts as long as it lives, in a file of its root and in one of the host.
    private static let count = "i=0; while true; do i=$((i+1)); echo $i > /count; echo $i > /data/count; sleep 0.1; done"

    private func number(_ file: FilePath) -> Int { (try? Files.text(file)).flatMap { Int($0.trimmed) } ?? 0 }

    private func wait(until number: Int, in file: FilePath) {
        for _ in 0..<600 where self.number(file) < number { usleep(50_000) }
        #expect(self.number(file) >= number)
    }

    private func start(_ bundle: CommandBundle, _ host: FilePath) throws {
        try bundle.start(Self.count) {
            $0.mounts?.append(.init(destination: "/data", type: "bind", source: host.string, options: ["rbind"]))
            $0.linux?.maskedPaths = ["/proc/interrupts", "/sys/firmware"]
            $0.linux?.readonlyPaths = ["/proc/sys"]
            $0.linux?.resources?.pids = .init(limit: 23)
        }
    }

    @Test(.enabled(if: works == true, "needs a criu that works on this kernel"))
    func aContainerGoesOnWhereItWas() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let host = try cleanup.directory("host")
            try start(bundle, host)
            wait(until: 5, in: host.appending("count"))
            let images = bundle.directory.appending("images").string
            let before = try bundle.runtime("checkpoint", "--leave-running", "--image-path", images, bundle.id)
            try #require(before.status == 0, "\(before.standardError)")
            #expect(try bundle.state() == "running")
            let dumped = try bundle.runtime("checkpoint", "--image-path", images, bundle.id)
            try #require(dumped.status == 0, "\(dumped.standardError)")
            #expect(try bundle.runtime("state", bundle.id).status != 0)
            let stopped = number(host.appending("count"))
            #expect(number(bundle.rootfs.appending("count")) == stopped)
            usleep(300_000)
            #expect(number(host.appending("count")) == stopped)

            let file = bundle.directory.appending("pid")
            let restored = try bundle.runtime(
                "restore", "--detach", "--image-path", images, "--bundle", bundle.directory.string, "--pid-file", file.string, bundle.id)
            try #require(restored.status == 0, "\(restored.standardError)")
            #expect(try bundle.state() == "running")
            #expect(try Files.text(file) == bundle.state("pid"))
            wait(until: stopped + 3, in: host.appending("count"))
            // Not begun anew.
            #expect(number(bundle.rootfs.appending("count")) >= stopped)
            let exec = try bundle.runtime("exec", bundle.id, "/bin/sh", "-c", "hostname; wc -c < /proc/interrupts; ps | grep -c sleep")
            #expect(exec.standardOutput.hasPrefix("inside\n0\n"), "\(exec.standardOutput)\(exec.standardError)")
            let limit = RuntimeUnderTest.isOnUnified ? "" : "pids/"
            #expect(try Files.text(FilePath("/sys/fs/cgroup/\(limit)\(bundle.id)/pids.max")) == "23\n")
            #expect(try !Files.text("/proc/self/mountinfo").contains("criu-root"))
            #expect(try bundle.runtime("delete", "--force", bundle.id).status == 0)
        }
    }

    @Test(.ckrunOnly, .enabled(if: works == false, "needs a criu that fails on this kernel"))
    func whatCriuCannotDoIsToldInItsWords() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let host = try cleanup.directory("host")
            try start(bundle, host)
            let images = bundle.directory.appending("images")
            let dumped = try bundle.runtime("checkpoint", "--image-path", images.string, bundle.id)
            #expect(dumped.status == 1)
            #expect(dumped.standardError.contains("cannot checkpoint it: Error ("), "\(dumped.standardError)")
            #expect(dumped.standardError.contains("Its log is \(images)/dump.log"))
            #expect(try bundle.state() == "running")
            let other = bundle.id + "-restored"
            let restored = try bundle.runtime(
                "restore", "--detach", "--image-path", images.string, "--bundle", bundle.directory.string, other)
            #expect(restored.status == 1)
            #expect(restored.standardError.contains("cannot restore it: Error ("), "\(restored.standardError)")
            #expect(try bundle.runtime("state", other).status != 0)
            #expect(try !Files.text("/proc/self/mountinfo").contains("criu-root"))
        }
    }

    @Test(.ckrunOnly) func whatIsNotThereIsNamed() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let path = try #require(RuntimeUnderTest.path)
            // As if it were not installed.
            let script = """
                for place in /usr/sbin /usr/bin /sbin /bin /usr/local/sbin /usr/local/bin; do
                    [ ! -e $place/criu ] || mount --bind /dev/null $place/criu
                done
                exec "$@"
                """
            let hidden = try Command([
                "unshare", "--mount", "sh", "-c", script, "sh", path, "--root", bundle.root.string, "checkpoint", bundle.id,
            ]).run()
            #expect(hidden.status == 1)
            #expect(hidden.standardError.contains("criu is not installed"), "\(hidden.standardError)")
            for words in [["--lazy-pages"], ["--page-server", "a:1"], ["--manage-cgroups-mode", "nonesuch"], ["--empty-ns", "pid"]] {
                let result = try bundle.runtime(["checkpoint"] + words + [bundle.id])
                #expect(result.status == 1 && result.standardError.contains(words[0].dropFirst(2).prefix(5)), "\(result.standardError)")
            }
            #expect(try bundle.state() == "running")
            #expect(try bundle.runtime("kill", bundle.id, "KILL").status == 0)
            try bundle.wait(for: "stopped")
            let stopped = try bundle.runtime("checkpoint", bundle.id)
            #expect(stopped.status == 1 && stopped.standardError.contains("cannot be checkpointed"), "\(stopped.standardError)")
        }
    }
}
