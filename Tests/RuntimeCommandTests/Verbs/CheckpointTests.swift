import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Containers that go to files and come back, by criu. Debian's CRIU does not work on every kernel; the guest's is one where it does.
@Suite("Command: checkpoint and restore", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CheckpointTests {
    @Test(.needsWorkingCriu) func aContainerGoesOnWhereItWas() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let bundle = container.bundle
            try container.start()
            let before = try container.checkpoint("--leave-running")
            try #require(before.status == 0, "\(before.standardError)")
            #expect(try bundle.state() == "running")
            let dumped = try container.checkpoint()
            try #require(dumped.status == 0, "\(dumped.standardError)")
            #expect(try bundle.runtime("state", bundle.id).status != 0)
            let stopped = container.count
            #expect(container.countInRoot == stopped)
            usleep(300_000)
            #expect(container.count == stopped)

            let file = bundle.directory.appending("pid")
            let restored = try container.restore("--pid-file", file.string)
            try #require(restored.status == 0, "\(restored.standardError)")
            #expect(try Files.text(file) == bundle.state("pid"))
            try container.goesOn(from: stopped)
            let exec = try bundle.runtime("exec", bundle.id, "/bin/sh", "-c", "hostname; wc -c < /proc/interrupts; ps | grep -c sleep")
            #expect(exec.standardOutput.hasPrefix("inside\n0\n"), "\(exec.standardOutput)\(exec.standardError)")
            let limit = RuntimeUnderTest.isOnUnified ? "" : "pids/"
            #expect(try Files.text(FilePath("/sys/fs/cgroup/\(limit)\(bundle.id)/pids.max")) == "23\n")
            #expect(try !Files.text("/proc/self/mountinfo").contains("criu-root"))
            #expect(try bundle.runtime("delete", "--force", bundle.id).status == 0)
        }
    }

    @Test(.ckrunOnly, .enabled(if: CountingContainer.criuWorks == false, "needs a criu that fails on this kernel"))
    func whatCriuCannotDoIsToldInItsWords() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let bundle = container.bundle
            try container.start()
            let dumped = try container.checkpoint()
            #expect(dumped.status == 1)
            #expect(dumped.standardError.contains("cannot checkpoint it: Error ("), "\(dumped.standardError)")
            #expect(dumped.standardError.contains("Its log is \(container.images)/dump.log"))
            #expect(try bundle.state() == "running")
            let other = bundle.id + "-restored"
            let restored = try bundle.runtime(
                "restore", "--detach", "--image-path", container.images.string, "--bundle", bundle.directory.string, other)
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
            let refused = [
                (["--lazy-pages"], "page-server"), (["--page-server", "1234"], "ADDRESS:PORT"),
                (["--page-server", "a:70000"], "page-server"),
                (["--status-fd", "77"], "status-fd"), (["--manage-cgroups-mode", "nonesuch"], "manage-cgroups-mode"),
                (["--empty-ns", "pid"], "only network"), (["--pre-dump", "--lazy-pages"], "exclude each other"),
            ]
            for (words, reason) in refused {
                let result = try bundle.runtime(["checkpoint"] + words + [bundle.id])
                #expect(result.status == 1 && result.standardError.contains(reason), "\(words): \(result.standardError)")
            }
            #expect(try bundle.state() == "running")
            #expect(try bundle.runtime("kill", bundle.id, "KILL").status == 0)
            try bundle.wait(for: "stopped")
            let stopped = try bundle.runtime("checkpoint", bundle.id)
            #expect(stopped.status == 1 && stopped.standardError.contains("cannot be checkpointed"), "\(stopped.standardError)")
        }
    }
}
