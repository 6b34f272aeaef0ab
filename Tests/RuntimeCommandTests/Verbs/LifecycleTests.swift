import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: life of a container", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandLifecycleTests {
    @Test func createThenStart() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let mark = bundle.rootfs.appending("started")
            try bundle.write(bundle.configuration("echo > /started; exec sleep 1000"))
            let pidFile = bundle.directory.appending("pid")
            let created = try bundle.runtime("create", "--bundle", bundle.directory.string, "--pid-file", pidFile.string, bundle.id)
            #expect(created.status == 0, "\(created.standardError)")
            #expect(try bundle.state() == "created")
            #expect(try Files.text(pidFile) == bundle.state("pid"))
            usleep(50_000)
            #expect(!Files.exists(mark))
            #expect(try bundle.runtime("start", bundle.id).status == 0)
            #expect(try bundle.state() == "running")
            for _ in 0..<100 where !Files.exists(mark) { usleep(10_000) }
            #expect(Files.exists(mark))
            let again = try bundle.runtime("start", bundle.id)
            #expect(again.status != 0)
            try RuntimeUnderTest.differs("crun", because: "its own words") {
                #expect(again.standardError.contains("cannot start an already running container"))
            }
            #expect(try bundle.runtime("kill", bundle.id, "KILL").status == 0)
            try bundle.wait(for: "stopped")
            #expect(try bundle.runtime("delete", bundle.id).status == 0)
            #expect(try bundle.runtime("state", bundle.id).status != 0)
        }
    }

    @Test func deletingACreatedContainerEndsIt() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.write(bundle.configuration("true"))
            #expect(try bundle.runtime("create", "--bundle", bundle.directory.string, bundle.id).status == 0)
            let pid = try #require(Int32(bundle.state("pid")))
            #expect(try bundle.runtime("delete", bundle.id).status == 0)
            // Nobody may have waited for it yet: then it is a zombie, without a program.
            #expect(Files.link(FilePath("/proc/\(pid)/exe")) == nil)
        }
    }

    @Test func deletingARunningContainerNeedsForce() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let refused = try bundle.runtime("delete", bundle.id)
            #expect(refused.status == 1)
            try RuntimeUnderTest.differs("crun", because: "its own words") {
                #expect(refused.standardError.contains("that is not stopped: running"))
            }
            #expect(try bundle.runtime("delete", "--force", bundle.id).status == 0)
        }
    }

    @Test func list() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            #expect(try bundle.runtime("list", "-q").standardOutput == bundle.id + "\n")
            let json = try bundle.runtime("list", "--format", "json").standardOutput
            #expect(json.filter { !$0.isWhitespace }.contains("\"status\":\"running\""))
            let table = try bundle.runtime("list").standardOutput
            #expect(table.contains(bundle.id) && table.contains("running"))
        }
    }

    @Test func execJoinsTheContainer() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try bundle.runtime(
                "exec", "--env", "A=b", "--cwd", "/tmp", "--user", "1000:50", bundle.id, "/bin/sh", "-c",
                "hostname; pwd; id -u; id -g; echo $A; exit 9")
            #expect(result.status == 9)
            #expect(result.standardOutput == "inside\n/tmp\n1000\n50\nb\n")
        }
    }

    @Test func execOfAProcessFile() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let file = bundle.directory.appending("process.json")
            try Files.write(#"{"args":["/bin/echo","from a file"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}"#, to: file)
            #expect(try bundle.runtime("exec", "--process", file.string, bundle.id).standardOutput == "from a file\n")
        }
    }

    @Test func execDetached() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let file = bundle.directory.appending("exec.pid")
            #expect(try bundle.runtime("exec", "--detach", "--pid-file", file.string, bundle.id, "/bin/sleep", "1000").status == 0)
            let pid = try #require(Int32(Files.text(file)))
            // crun does not wait for the execve.
            for _ in 0..<100 where try Files.text(FilePath("/proc/\(pid)/comm")) != "sleep\n" { usleep(10_000) }
            #expect(try Files.text(FilePath("/proc/\(pid)/comm")) == "sleep\n")
            #expect(try bundle.runtime("ps", "--format", "json", bundle.id).standardOutput.contains("\(pid)"))
        }
    }

    @Test func pauseAndResume() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            #expect(try bundle.runtime("pause", bundle.id).status == 0)
            #expect(try bundle.state() == "paused")
            #expect(try bundle.runtime("exec", bundle.id, "/bin/true").status != 0)
            #expect(try bundle.runtime("resume", bundle.id).status == 0)
            #expect(try bundle.state() == "running")
            #expect(try bundle.runtime("exec", bundle.id, "/bin/true").status == 0)
        }
    }

    @Test(.differs("crun", because: "a process that a v1 freezer holds gets the signal when somebody resumes it"))
    func killOfAPausedContainer() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            #expect(try bundle.runtime("pause", bundle.id).status == 0)
            #expect(try bundle.runtime("kill", bundle.id, "SIGKILL").status == 0)
            try bundle.wait(for: "stopped")
        }
    }

    @Test func updateOfLimits() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start {
                $0.linux?.resources?.memory = .init(limit: 32 << 20)
                $0.linux?.resources?.pids = .init(limit: 10)
            }
            let base = RuntimeUnderTest.isOnUnified ? "/sys/fs/cgroup/\(bundle.id)/" : "/sys/fs/cgroup/"
            let memory = base + (RuntimeUnderTest.isOnUnified ? "memory.max" : "memory/\(bundle.id)/memory.limit_in_bytes")
            let pids = base + (RuntimeUnderTest.isOnUnified ? "pids.max" : "pids/\(bundle.id)/pids.max")
            #expect(try bundle.runtime("update", "--memory", "67108864", "--pids-limit", "20", bundle.id).status == 0)
            #expect(try Files.text(FilePath(memory)) == "67108864\n")
            #expect(try Files.text(FilePath(pids)) == "20\n")
            let json = #"{"memory":{"limit":50331648}}"#
            let updated = try bundle.runtime("update", "--resources", "-", bundle.id, input: Array(json.utf8))
            #expect(updated.status == 0, "\(updated.standardError)")
            #expect(try Files.text(FilePath(memory)) == "50331648\n")
        }
    }

    @Test(.differs("crun", because: "it has no events")) func statistics() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let text = try bundle.runtime("events", "--stats", bundle.id).standardOutput
            #expect(text.contains("\"type\":\"stats\""))
            #expect(text.contains("\"pids\":{\"current\":1"))
        }
    }

    @Test func preservedDescriptors() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.write(bundle.configuration("cat <&3; test ! -e /proc/self/fd/4 && echo closed"))
            let path = try #require(RuntimeUnderTest.path)
            let result = try Command([
                "sh", "-c", "echo handed | { exec 3<&0 4<&0 </dev/null; exec \"$@\"; }", "sh", path, "--root", bundle.root.string, "run",
                "--preserve-fds", "1", "--bundle", bundle.directory.string, bundle.id,
            ]).run()
            #expect(result.standardOutput == "handed\nclosed\n", "\(result.standardError)")
        }
    }
}
