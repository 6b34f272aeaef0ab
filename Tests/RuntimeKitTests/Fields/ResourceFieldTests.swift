import Glibc
import OCIModel
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
}
