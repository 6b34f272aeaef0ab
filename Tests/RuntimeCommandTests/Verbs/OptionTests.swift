import Foundation
import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: options of verbs", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandOptionTests {
    @Test func processesInBothFormats() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let pid = try bundle.state("pid")
            let json = try bundle.runtime("ps", "--format", "json", bundle.id).standardOutput
            #expect(try JSONDecoder().decode([Int].self, from: Data(json.utf8)) == [Int(pid)])
            let table = try bundle.runtime("ps", bundle.id).standardOutput
            #expect(table.contains("PID") && table.contains(pid))
            try RuntimeUnderTest.differs("crun", because: "its table has numbers alone, and ps(1) gets no options") {
                #expect(table.contains("sleep 1000"))
                let lines = try bundle.runtime("ps", bundle.id, "-o", "pid,comm").standardOutput.split(separator: "\n")
                #expect(lines.count == 2 && lines[1].contains(pid) && lines[1].contains("sleep"))
            }
            #expect(try bundle.runtime("ps", "--format", "nonesuch", bundle.id).status != 0)
        }
    }

    @Test func listOfSeveral() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            #expect(try bundle.runtime("list", "-q").standardOutput == "")
            try RuntimeUnderTest.differs("crun", because: "it writes an empty list") {
                let list = try bundle.runtime("list", "--format", "json")
                #expect(list.standardOutput == "null\n")
            }
            try bundle.start()
            let second = bundle.id + "-two"
            #expect(try bundle.runtime("create", "--bundle", bundle.directory.string, second).status == 0)
            defer { _ = try? bundle.runtime("delete", "--force", second) }
            let names = try bundle.runtime("list", "-q").standardOutput.split(separator: "\n").map(String.init)
            #expect(names.sorted() == [bundle.id, second])
            let json = try bundle.runtime("list", "--format", "json").standardOutput
            let states = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
            #expect(Set(states.compactMap { $0["status"] as? String }) == ["created", "running"])
            #expect(try bundle.runtime("list", "--format", "nonesuch").status != 0)
        }
    }

    @Test func killOfAll() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            // Without a pid namespace of its own the second process would outlive the first.
            try bundle.start("sleep 1000 & exec sleep 1000") { $0.linux?.namespaces?.removeAll { $0.type == .pid } }
            var pids: [Int32] = []
            for _ in 0..<100 where pids.count < 2 {
                let json = try bundle.runtime("ps", "--format", "json", bundle.id).standardOutput
                pids = try JSONDecoder().decode([Int32].self, from: Data(json.utf8))
                usleep(10_000)
            }
            #expect(pids.count == 2)
            #expect(try bundle.runtime("kill", "--all", bundle.id, "KILL").status == 0)
            try bundle.wait(for: "stopped")
            // A zombie without a reaper has no executable.
            for pid in pids {
                let executable = FilePath("/proc/\(pid)/exe")
                for _ in 0..<500 where Files.link(executable) != nil { usleep(10_000) }
                #expect(Files.link(executable) == nil)
            }
        }
    }

    @Test(arguments: ["9", "KILL", "SIGKILL"])
    func signalsByNumberAndName(_ signal: String) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            try RuntimeUnderTest.differs("crun", because: "it takes an unknown name for signal 0, which does nothing") {
                let unknown = try bundle.runtime("kill", bundle.id, "NONESUCH")
                #expect(unknown.status != 0)
            }
            #expect(try bundle.state() == "running")
            #expect(try bundle.runtime("kill", bundle.id, signal).status == 0)
            try bundle.wait(for: "stopped")
        }
    }

    @Test(arguments: [
        ["--cpu-share", "512"], ["--cpu-period", "100000", "--cpu-quota", "50000"], ["--cpuset-cpus", "0"], ["--memory", "96M"],
        ["--memory-reservation", "16777216"],
    ])
    func updateTakes(_ options: [String]) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start {
                $0.linux?.resources?.memory = .init(limit: 64 << 20)
                $0.linux?.resources?.cpu = .init(shares: 1024, cpus: "0")
            }
            if RuntimeUnderTest.name == "crun", options.contains("96M") {
                return try RuntimeUnderTest.differs("crun", because: "it takes bytes alone") {
                    let result = try bundle.runtime(["update"] + options + [bundle.id])
                    #expect(result.status == 0)
                }
            }
            let result = try bundle.runtime(["update"] + options + [bundle.id])
            #expect(result.status == 0, "\(result.standardError)")
            let state = RuntimeUnderTest.isOnUnified ? "/sys/fs/cgroup/\(bundle.id)" : "/sys/fs/cgroup/memory/\(bundle.id)"
            let limit = try Files.text(FilePath(state + (RuntimeUnderTest.isOnUnified ? "/memory.max" : "/memory.limit_in_bytes")))
            #expect(limit == "\(options.contains("96M") ? 96 << 20 : 64 << 20)\n")
        }
    }

    @Test(.ckrunOnly) func featuresAreWhatIsThere() throws {
        let path = try #require(RuntimeUnderTest.path)
        let result = try Command([path, "features"]).run()
        let features = try #require(try JSONSerialization.jsonObject(with: Data(result.output)) as? [String: Any])
        #expect(features["ociVersionMax"] as? String == RuntimeConfiguration.specificationVersion)
        let linux = try #require(features["linux"] as? [String: Any])
        #expect((linux["namespaces"] as? [String])?.count == 8)
        #expect(((linux["netDevices"] as? [String: Any])?["enabled"] as? Bool) == true)
        #expect(((linux["intelRdt"] as? [String: Any])?["enabled"] as? Bool) == false)
        #expect(((linux["memoryPolicy"] as? [String: Any])?["modes"] as? [String])?.contains("MPOL_BIND") == true)
    }

    @Test(.ckrunOnly) func whatIsNotThereSaysSo() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let refused = [
                (["--systemd-cgroup", "create", "--bundle", bundle.directory.string, "other"], "slice:prefix:name"),
                (["update", "--l3-cache-schema", "L3:0=f", bundle.id], "l3-cache"),
                (["exec", "--cgroup", "pids:/nonesuch", bundle.id, "/bin/true"], "below the container's"),
                (["exec", "--cgroup", "pids:/../..", bundle.id, "/bin/true"], "below the container's"),
                (["exec", "--cgroup", "pids:a", "--cgroup", "b", bundle.id, "/bin/true"], "missing <controller>"),
                (["events", "--interval", "5x", bundle.id], "no duration"), (["events", "--interval", "0s", bundle.id], "greater than 0"),
                (["nonesuch"], "nonesuch"),
                (["run", "--nonesuch", bundle.id], "nonesuch"), (["state"], "requires exactly 1 argument"),
            ]
            for (words, reason) in refused {
                let result = try bundle.runtime(words)
                #expect(result.status != 0, "\(words)")
                #expect(result.standardError.contains(reason), "\(words): \(result.standardError)")
            }
            #expect(try bundle.runtime("run", "--help").status == 0)
        }
    }

    @Test(.differs("crun", because: "it takes one path for all hierarchies, and none of a controller's"))
    func execInACgroupBelow() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let isUnified = RuntimeUnderTest.isOnUnified
            let directory = (isUnified ? "/sys/fs/cgroup/" : "/sys/fs/cgroup/pids/") + bundle.id + "/below"
            #expect(mkdir(directory, 0o755) == 0)
            let result = try bundle.runtime(
                "exec", "--cgroup", isUnified ? "/below" : "pids:/below", bundle.id, "/bin/sh", "-c", "cat /proc/self/cgroup")
            #expect(result.status == 0, "\(result.standardError)")
            let expected = isUnified ? "0::/below" : ":pids:/below"
            #expect(result.standardOutput.split(separator: "\n").contains { $0.hasSuffix(expected) }, "\(result.standardOutput)")
            // The others of version 1 are the container's own.
            if !isUnified { #expect(result.standardOutput.contains(":memory:/\n")) }
        }
    }

    @Test(.differs("crun", because: "it has no events")) func eventsAreAStream() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let path = try #require(RuntimeUnderTest.path)
            let events = try ChildProcess(Command([path, "--root", bundle.root.string, "events", "--interval", "0m0.5s", bundle.id]))
            var lines: [Substring] = []
            for _ in 0..<80 where lines.count < 2 {
                usleep(100_000)
                lines = String(decoding: events.output(), as: UTF8.self).split(separator: "\n")
            }
            events.stop()
            #expect(lines.count >= 2)
            for line in lines {
                let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                #expect(event?["type"] as? String == "stats")
                #expect(event?["id"] as? String == bundle.id)
            }
        }
    }
}
