import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Limits as they are converted, for both versions.
@Suite struct ResourceFieldTests {
    private static func host(_ isUnified: Bool, _ controllers: String...) -> CgroupHost {
        CgroupHost(
            hierarchies: isUnified
                ? [CgroupHierarchy(mountPoint: "/nowhere/cgroup", isUnified: true, controllers: controllers, name: nil, ownPath: "/")]
                : controllers.map {
                    CgroupHierarchy(mountPoint: "/nowhere/cgroup/\($0)", isUnified: false, controllers: [$0], name: nil, ownPath: "/")
                })
    }

    @Test func classesAndPrioritiesOfPackets() throws {
        let writes = try Configurations.writes(on: Self.host(false, "net_cls", "net_prio", "devices")) {
            $0.network = .init(classID: 0x100001, priorities: [.init(name: "eth0", priority: 500), .init(name: "lo", priority: 0)])
        }
        #expect(writes == ["net_cls.classid=1048577", "net_prio.ifpriomap=eth0 500", "net_prio.ifpriomap=lo 0"])
    }

    @Test(arguments: [true, false]) func remoteMemory(isUnified: Bool) throws {
        let writes = try Configurations.writes(on: Self.host(isUnified, "rdma", "devices")) {
            $0.rdma = ["mlx5_1": .init(hcaHandles: 3, hcaObjects: 10000), "mlx4_0": .init(hcaObjects: 1)]
        }
        #expect(writes == ["rdma.max=mlx4_0 hca_object=1", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"])
    }

    @Test(arguments: [(true, "max"), (false, "limit_in_bytes")]) func hugePages(isUnified: Bool, _ file: String) throws {
        let writes = try Configurations.writes(on: Self.host(isUnified, "hugetlb", "devices")) {
            $0.hugepageLimits = [.init(pageSize: "2MB", limit: 4 << 20)]
        }
        #expect(writes == ["hugetlb.2MB.\(file)=4194304", "hugetlb.2MB.rsvd.\(file)=4194304"])
    }

    @Test func realTime() throws {
        let writes = try Configurations.writes(on: Configurations.legacy) {
            $0.cpu = .init(realtimeRuntime: 1000, realtimePeriod: 500_000)
        }
        #expect(writes == ["cpu.rt_period_us=500000", "cpu.rt_runtime_us=1000"])
    }

    @Test func everyThrottleAndWeight() throws {
        let change: (inout RuntimeConfiguration.Resources) -> Void = {
            $0.blockIO = .init(
                weightDevice: [.init(major: 8, minor: 1, weight: 1000)], throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 1)],
                throttleWriteBpsDevice: [.init(major: 8, minor: 0, rate: 2)], throttleReadIOPSDevice: [.init(major: 8, minor: 0, rate: 3)],
                throttleWriteIOPSDevice: [.init(major: 8, minor: 0, rate: 4)])
        }
        #expect(
            try Configurations.writes(on: Configurations.unified, change) == [
                "io.weight=8:1 10000", "io.max=8:0 rbps=1", "io.max=8:0 wbps=2", "io.max=8:0 riops=3", "io.max=8:0 wiops=4",
            ])
        #expect(
            try Configurations.writes(on: Configurations.legacy) {
                change(&$0)
                $0.blockIO?.weightDevice = nil
            } == [
                "blkio.throttle.read_bps_device=8:0 1", "blkio.throttle.write_bps_device=8:0 2", "blkio.throttle.read_iops_device=8:0 3",
                "blkio.throttle.write_iops_device=8:0 4",
            ])
    }

    @Test func aReservationIsSoftOnVersion1() throws {
        let writes = try Configurations.writes(on: Configurations.legacy) { $0.memory = .init(limit: 2, reservation: 1) }
        #expect(writes == ["memory.limit_in_bytes=2", "memory.soft_limit_in_bytes=1"])
    }
}

/// Limits of a container that is there.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ResourceUpdateTests {
    @Test func limitsAreChangedAndCheckedAgainstUse() async throws {
        let host = CgroupHost.detect()
        let parent = try CgroupParent(FilePath("/containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"))
        defer { host.removeParents() }
        let plan = try PlanCompiler(features: .detect(cgroups: host), cgroups: host, seccomp: SeccompCache(directory: nil)).compile(
            Configurations.minimal, container: try #require(ContainerID("one")), root: .directory("/"), cgroupParent: parent)
        let cgroup = try #require(plan.cgroup)
        try host.prepare(for: cgroup)
        for directory in cgroup.directories { mkdir(directory.path, 0o755) }
        // What was killed is on its way out, and until then its cgroup is busy.
        defer {
            for directory in cgroup.directories {
                for _ in 0..<200 where rmdir(directory.path) != 0 && errno == EBUSY { usleep(10_000) }
            }
        }
        var record = ContainerRecord(
            id: "one", pid: 0, bundle: "/", rootfs: "/", created: "", annotations: nil, containerkit: .init(owner: 0))
        record.containerkit.cgroups = cgroup.directories.map { .init(path: $0.path, unified: $0.isUnified) }
        let update = CgroupUpdate(runtime: CommandRuntime(root: "/nowhere"), record: record)
        let memory = try #require(cgroup.directories.first { Files.exists(FilePath($0.path + "/memory.stat")) }).path
        let file = memory + (Files.exists(FilePath(memory + "/memory.max")) ? "/memory.max" : "/memory.limit_in_bytes")

        try update.apply(.init(memory: .init(limit: 64 << 20), pids: .init(limit: 9)))
        #expect(try Files.text(FilePath(file)) == "67108864\n")
        // A process that uses something.
        let child = try ChildProcess(
            Command([
                "sh", "-c", "echo $$ > \(memory)/cgroup.procs; exec head -c 8m /dev/zero | { sleep 1; tail -c 8m | { sleep 5; wc -c; }; }",
            ]))
        defer { child.stop() }
        for _ in 0..<100 where (CgroupStatistics(reading: cgroup).memoryBytes ?? 0) < 100_000 {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(throws: RuntimeError.self) { try update.apply(.init(memory: .init(limit: 4096, checkBeforeUpdate: true))) }
        #expect(try Files.text(FilePath(file)) == "67108864\n")
        child.stop()
        _ = try Command.run(
            "sh", "-c",
            "while read p; do kill -9 $p; done < \(memory)/cgroup.procs; while [ -s \(memory)/cgroup.procs ]; do sleep 0.02; done")
    }
}
