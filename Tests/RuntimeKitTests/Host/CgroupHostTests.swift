import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Finding the hierarchies, and making the parents for real.
@Suite struct CgroupHostTests {
    private static let known: Set<String> = ["cpu", "cpuacct", "memory", "pids", "cpuset"]

    private func host(_ mounts: String, _ membership: String) -> CgroupHost {
        CgroupHost(
            hierarchies: CgroupHost.hierarchies(
                mounts: MountLine.table(mounts), membership: membership, known: Self.known, unifiedControllers: { _ in "cpu memory pids" }))
    }

    @Test func version2() {
        let host = host(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", "0::/user.slice/a.scope\n")
        #expect(host.mode == .unified)
        #expect(host.hierarchies.first?.ownPath == "/user.slice/a.scope")
        #expect(host.controllers == ["cpu", "memory", "pids"])
    }

    @Test func hybridWithControllersMountedTogether() {
        let host = host(
            """
            31 23 0:28 / /sys/fs/cgroup ro shared:1 - tmpfs tmpfs ro,mode=755
            32 31 0:29 / /sys/fs/cgroup/unified rw shared:2 - cgroup2 cgroup2 rw
            33 31 0:30 / /sys/fs/cgroup/systemd rw shared:3 - cgroup cgroup rw,xattr,name=systemd
            34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:4 - cgroup cgroup rw,cpu,cpuacct
            35 31 0:31 / /somewhere\\040else rw shared:4 - cgroup cgroup rw,cpu,cpuacct

            """, "5:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c\n")
        #expect(host.mode == .hybrid)
        #expect(host.hierarchies.map(\.mountPoint) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/cpu,cpuacct"])
        #expect(host.hierarchies.map(\.ownPath) == ["/c", "/b", "/a"])
        #expect(host.hierarchy(of: "cpuacct")?.mountOptions == ["cpu", "cpuacct"])
        #expect(host.hierarchies[1].mountOptions == ["none", "name=systemd"])
    }

    @Test func aContainersMountShowsAPart() {
        let host = host("34 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "4:memory:/docker/abc/inner\n")
        #expect(host.mode == .legacy)
        #expect(host.hierarchies.first?.ownPath == "/inner")
    }

    @Test func spacesInMountPoints() {
        #expect(MountLine.table("1 2 0:3 / /a\\040b\\134c rw - tmpfs none rw\n").first?.target == "/a b\\c")
    }

    @Test func noCgroupsAtAll() throws {
        let host = host("", "")
        #expect(host.mode == .none)
        let error = #expect(throws: RuntimeError.self) { try Configurations.compile(Configurations.minimal, on: host) }
        #expect(error?.code == .hostLacksFeature)
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func parentsAreMadeAndTakenAway() throws {
        let host = CgroupHost.detect()
        let name = "containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let parent = try CgroupParent(FilePath("/\(name)/inner"))
        let path = try CgroupPath.leaf(nil, parent: parent, container: "one")
        var resources = RuntimeConfiguration.Resources()
        if host.hierarchy(of: "cpuset") != nil { resources.cpu = .init(cpus: "0") }
        let plan = try CgroupCompiler.compile(resources, at: path, on: host)
        #expect(!plan.directories.isEmpty)
        defer { host.removeParents() }
        try host.prepare(for: plan)
        try host.prepare(for: plan)
        for directory in plan.directories {
            let above = FilePath(directory.path).removingLastComponent()
            #expect(Files.exists(above))
            if directory.path.contains("/cpuset/") {
                // Filled from above, or no process could enter.
                #expect(try Files.text(above.appending("cpuset.mems")).count > 1)
                #expect(try Files.text(above.appending("cpuset.cpus")).count > 1)
            }
        }
        host.removeParents()
        for directory in plan.directories {
            #expect(!Files.exists(FilePath(directory.path).removingLastComponent().removingLastComponent()))
        }
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func everyWriteIsTakenByTheKernel() throws {
        let host = CgroupHost.detect()
        let parent = try CgroupParent(FilePath("/containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"))
        var resources = RuntimeConfiguration.Resources(pids: .init(limit: 33))
        resources.memory = .init(limit: 64 << 20, reservation: 32 << 20)
        resources.cpu = .init(shares: 512, quota: 50_000, period: 100_000, burst: 10_000, cpus: "0")
        resources.devices = [.init(allow: false, access: "rwm"), .init(allow: true, type: "c", major: 10, minor: 200, access: "rw")]
        let plan = try CgroupCompiler.compile(resources, at: CgroupPath.leaf(nil, parent: parent, container: "one"), on: host)
        try host.prepare(for: plan)
        defer {
            for directory in plan.directories { rmdir(directory.path) }
            host.removeParents()
        }
        for directory in plan.directories {
            try CgroupDirectory.make(directory.path)
            for write in directory.writes {
                do { try CgroupDirectory.write(write.value, to: "\(directory.path)/\(write.file)") } catch {
                    Issue.record("\(directory.path)/\(write.file) ← \(write.value): \(error)")
                }
            }
        }
        let statistics = CgroupStatistics(reading: plan)
        #expect(statistics.memoryLimitBytes == 64 << 20)
        #expect(statistics.taskLimit == 33 && statistics.tasks == 0)
        #expect(statistics.cpuMicroseconds == 0 && statistics.outOfMemoryKills == 0)
        if let devices = plan.directories.first(where: { $0.path.contains("/devices/") }) {
            let list = try Files.text(FilePath(devices.path).appending("devices.list"))
            #expect(list.contains("c 10:200 rw\n") && list.contains("c 1:3 rwm\n") && !list.hasPrefix("a "))
        }
    }
}
