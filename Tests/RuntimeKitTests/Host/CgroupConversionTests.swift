import OCIModel
import RuntimeChild
import Testing

@testable import RuntimeKit

/// Limits as files and values, on each version of cgroups.
@Suite struct CgroupConversionTests {
    @Test func memoryOnVersion2CountsSwapAlone() throws {
        let writes = try Configurations.writes(on: Configurations.unified) {
            $0.memory = .init(limit: 64 << 20, reservation: 32 << 20, swap: 96 << 20)
        }
        #expect(writes == ["memory.max=67108864", "memory.swap.max=33554432", "memory.low=33554432"])
    }

    @Test func memoryWithoutLimitIsMax() throws {
        #expect(
            try Configurations.writes(on: Configurations.unified) { $0.memory = .init(limit: -1, swap: -1) } == [
                "memory.max=max", "memory.swap.max=max",
            ])
        #expect(try Configurations.writes(on: Configurations.unified) { $0.memory = .init(limit: 0) } == [])
    }

    @Test(arguments: [Configurations.legacy, Configurations.hybrid]) func memoryOnVersion1SetsTheLimitFirst(host: CgroupHost) throws {
        let writes = try Configurations.writes(on: host) {
            $0.memory = .init(limit: 64 << 20, swap: 96 << 20, kernelTCP: 4096, swappiness: 0, disableOOMKiller: true)
        }
        #expect(
            writes == [
                "memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=100663296", "memory.swappiness=0",
                "memory.kmem.tcp.limit_in_bytes=4096", "memory.oom_control=1",
            ])
    }

    /// The three points that the curve goes through, its ends, and values between.
    @Test(arguments: [(1024, 100), (2, 1), (262_144, 10_000), (1_000_000, 10_000), (3, 2), (512, 59), (2048, 174)])
    func sharesBecomeAWeight(shares: UInt64, weight: UInt64) {
        #expect(CPUController.weight(shares: shares) == weight)
    }

    @Test func weightNeverFalls() {
        let weights = (2...262_144).map { CPUController.weight(shares: $0) }
        #expect(weights == weights.sorted())
    }

    @Test func cpuOnBothVersions() throws {
        let change: (inout RuntimeConfiguration.Resources) -> Void = {
            $0.cpu = .init(shares: 1024, quota: 50_000, period: 100_000, burst: 10_000, cpus: "0-1")
        }
        #expect(
            try Configurations.writes(on: Configurations.unified, change) == [
                "cpu.weight=100", "cpu.max=50000 100000", "cpu.max.burst=10000", "cpuset.cpus=0-1",
            ])
        #expect(
            try Configurations.writes(on: Configurations.legacy, change) == [
                "cpu.shares=1024", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=10000",
                // An empty cpuset takes no process: what is not limited is inherited.
                "cpuset.cpus=0-1", "cpuset.mems=0",
            ])
    }

    @Test func anIdleGroupHasNoWeight() throws {
        #expect(try Configurations.writes(on: Configurations.unified) { $0.cpu = .init(shares: 512, idle: 1) } == ["cpu.idle=1"])
    }

    @Test func noQuotaIsMax() throws {
        #expect(try Configurations.writes(on: Configurations.unified) { $0.cpu = .init(quota: -1) } == ["cpu.max=max 100000"])
        #expect(try Configurations.writes(on: Configurations.legacy) { $0.cpu = .init(quota: -1) } == ["cpu.cfs_quota_us=-1"])
    }

    @Test func pidsAndIO() throws {
        let change: (inout RuntimeConfiguration.Resources) -> Void = {
            $0.pids = .init(limit: 20)
            $0.blockIO = .init(
                throttleReadBpsDevice: [.init(major: 8, minor: 0, rate: 1000)],
                throttleWriteIOPSDevice: [.init(major: 8, minor: 16, rate: 7)])
            $0.hugepageLimits = [.init(pageSize: "2MB", limit: 4 << 20)]
        }
        #expect(
            try Configurations.writes(on: Configurations.unified, change) == [
                "pids.max=20", "io.max=8:0 rbps=1000", "io.max=8:16 wiops=7", "hugetlb.2MB.max=4194304",
                "hugetlb.2MB.rsvd.max=4194304",
            ])
        #expect(
            try Configurations.writes(on: Configurations.legacy, change) == [
                "pids.max=20", "blkio.throttle.read_bps_device=8:0 1000", "blkio.throttle.write_iops_device=8:16 7",
                "hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304",
            ])
    }

    @Test func weightOfIOIsConverted() throws {
        #expect(try Configurations.writes(on: Configurations.unified) { $0.blockIO = .init(weight: 10) } == ["io.weight=1"])
        #expect(try Configurations.writes(on: Configurations.unified) { $0.blockIO = .init(weight: 1000) } == ["io.weight=10000"])
    }

    @Test func unifiedControlsComeLastInOrderOfNames() throws {
        let writes = try Configurations.writes(on: Configurations.unified) {
            $0.memory = .init(limit: 1 << 20)
            $0.unified = ["memory.max": "2097152", "io.max": "8:0 rbps=1\n8:16 rbps=2", "cgroup.max.depth": "3"]
        }
        #expect(
            writes == [
                "memory.max=1048576", "cgroup.max.depth=3", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.max=2097152",
            ])
    }

    @Test func onlyHierarchiesInUseAreEntered() throws {
        func names(_ host: CgroupHost) throws -> [String] {
            try #require(try Configurations.compile(Configurations.minimal, on: host).cgroup).directories.map {
                String($0.path.dropFirst("/nowhere/cgroup".count))
            }
        }
        #expect(try names(Configurations.unified) == ["/containerkit-test/one"])
        // On a hybrid host version 2 freezes, kills and counts CPU time.
        #expect(
            try names(Configurations.hybrid) == ["memory", "pids", "devices", "unified"].map { "/\($0)/containerkit-test/one" })
        #expect(
            try names(Configurations.legacy)
                == ["memory", "pids", "cpu,cpuacct", "freezer", "devices"].map { "/\($0)/containerkit-test/one" })
    }

    @Test func aMissingControllerIsNamed() throws {
        let host = CgroupHost(hierarchies: [
            CgroupHierarchy(mountPoint: "/nowhere", isUnified: true, controllers: ["memory"], name: nil, ownPath: "/")
        ])
        let error = #expect(throws: RuntimeError.self) { try Configurations.writes(on: host) { $0.pids = .init(limit: 1) } }
        #expect(error?.code == .hostLacksFeature)
        #expect(error?.subject == .field("linux.resources.pids.limit"))
        // No limit needs nothing.
        #expect(try Configurations.writes(on: host) { $0.pids = .init(limit: -1) } == [])
    }

    @Test func thePathIsTheConfigurationsOrTheParentsChild() throws {
        func path(_ cgroupsPath: String?) throws -> String? {
            try Configurations.compile { $0.linux?.cgroupsPath = cgroupsPath }.cgroup?.directories.first?.path
        }
        #expect(try path(nil) == "/nowhere/cgroup/containerkit-test/one")
        #expect(try path("relative/two") == "/nowhere/cgroup/containerkit-test/relative/two")
        #expect(try path("//absolute/three/") == "/nowhere/cgroup/absolute/three")
    }
}
