import Glibc
import LinuxSystem
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Where a durable container's supervisor and its cgroup go under systemd.
@Suite struct ScopePlanTests {
    private let id = ContainerID("web")!

    private func host(unified: Bool = true, own: String = "/system.slice/a.service") -> CgroupHost {
        var hierarchies = [
            CgroupHierarchy(
                mountPoint: "/nonexistent/cgroup", isUnified: true, controllers: unified ? ["cpu", "io", "memory", "pids"] : [], name: nil,
                ownPath: own)
        ]
        if !unified {
            hierarchies.append(
                CgroupHierarchy(mountPoint: "/nonexistent/memory", isUnified: false, controllers: ["memory"], name: nil, ownPath: "/"))
        }
        return CgroupHost(hierarchies: hierarchies)
    }

    private func systemd(_ host: CgroupHost, root: String = "/", first: String = "0::/init.scope\n") -> SystemdHost {
        SystemdHost(host, mounts: "30 23 0:26 \(root) /nonexistent/cgroup rw shared:4 - cgroup2 cgroup2 rw\n", first: first)
    }

    private func placement(_ host: CgroupHost, parent: FilePath? = nil, systemd: SystemdHost?) throws -> CgroupPlacement {
        try CgroupPlacement(parent: parent, systemd: systemd, on: host) { _ in }
    }

    @Test func namesAreUnitsAndNeverUsedTwice() throws {
        let systemd = systemd(host())
        let scope = systemd.scope(for: try #require(ContainerID("a.b_c-d+e")), stopping: .milliseconds(2500))
        #expect(scope.unit.wholeMatch(of: /containerkit-a\.b_c-d_e-[0-9a-f]{8}\.scope/) != nil, "\(scope.unit)")
        #expect(scope.slice == "system.slice" && scope.description == "Container a.b_c-d+e" && scope.stopMicroseconds == 2_500_000)
        #expect(Set((0..<100).map { _ in systemd.scope(for: id, stopping: .zero).unit }).count == 100)
        // UNIT_NAME_MAX is 256, with the zero.
        let longest = try #require(ContainerID(String(repeating: "x", count: 128)))
        #expect(systemd.scope(for: longest, stopping: .zero).unit.utf8.count < 200)
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func aDurableContainerLiesInItsScope() throws {
        let host = host()
        let placement = try placement(host, systemd: systemd(host))
        var place = try placement.place(of: id, isDurable: true, gracePeriod: .seconds(1))
        let scope = try #require(place.scope)
        #expect(place.parent?.path == FilePath("/system.slice/\(scope.unit)"))
        let plan = CgroupPlan(directories: [
            .init(
                path: "/x", isUnified: true,
                writes: [.init(file: "io.max", value: "", field: ""), .init(file: "cgroup.kill", value: "", field: "")])
        ])
        // Nothing is made here: there is no scope yet.
        try placement.prepare(&place, for: plan)
        #expect(place.scope?.directory == "/nonexistent/cgroup/system.slice/\(scope.unit)")
        #expect(place.scope?.controllers == ["cpu", "io", "memory", "pids"])
        #expect(try placement.place(of: id, isDurable: false, gracePeriod: .zero).scope == nil)
    }

    /// The supervisor leaves the service also where its container's cgroup lies elsewhere.
    @Test func aNamedParentIsKept() throws {
        let host = host()
        let place = try placement(host, parent: "/mine", systemd: systemd(host)).place(of: id, isDurable: true, gracePeriod: .zero)
        #expect(place.parent?.path == "/mine" && place.scope?.directory == "" && !place.isInScope)
    }

    @Test func onHybridHostsOnlyTheSupervisorIsInTheScope() throws {
        let host = host(unified: false)
        let place = try placement(host, parent: nil, systemd: systemd(host)).place(of: id, isDurable: true, gracePeriod: .zero)
        #expect(place.scope != nil && !place.isInScope)
    }

    @Test func withoutSystemdNothingChanges() throws {
        let host = host()
        let place = try placement(host, parent: "/mine", systemd: nil).place(of: id, isDurable: true, gracePeriod: .zero)
        #expect(place.scope == nil && place.parent?.path == "/mine")
        if access("/run/systemd/system", F_OK) != 0 { #expect(SystemdHost.detect(.detect()) == nil) }
    }

    /// systemd in a container: its root is the container's cgroup, which the mount may or may not hide.
    @Test func systemdNeedNotBeAtTheRoot() throws {
        let host = host()
        let scope = systemd(host).scope(for: id, stopping: .zero)
        #expect(systemd(host, first: "0::/machine/a/init.scope\n").path(of: scope) == "/machine/a/system.slice/\(scope.unit)")
        #expect(systemd(host, root: "/machine/a", first: "0::/machine/a/init.scope\n").path(of: scope) == "/system.slice/\(scope.unit)")
        #expect(systemd(host, first: "0::/somewhere\n").path(of: scope) == nil)
    }

    @Test func theServiceThatIsNotDelegatedIsNamed() throws {
        let host = host(own: "/system.slice/a.service")
        #expect(try placement(host, systemd: systemd(host)).undelegatedService == "a.service")
        #expect(try placement(host, parent: "/mine", systemd: systemd(host)).undelegatedService == nil)
        #expect(try placement(host, systemd: nil).undelegatedService == nil)
        let session = self.host(own: "/user.slice/user-0.slice/session-1.scope")
        #expect(try placement(session, systemd: systemd(session)).undelegatedService == nil)
    }

    @Test func theCallNamesTheScope() throws {
        var plan = ScopePlan(unit: "u.scope", slice: "s.slice", description: "d")
        plan.stopMicroseconds = 5
        let message = TransientScope.request(plan)
        #expect(message.signature == "ssa(sv)a(sa(sv))" && message.member == "StartTransientUnit")
        var reader = DBusReader(message.body)
        #expect(try reader.readString() == "u.scope")
        #expect(try reader.readString() == "fail")
        var count = Int(try reader.readUInt32())
        try reader.align(to: 8)
        count += reader.position
        var properties: [String] = []
        while reader.position < count {
            try reader.align(to: 8)
            let name = try reader.readString()
            let type = try reader.readSignature()
            switch type {
            case "s": properties.append("\(name)=\(try reader.readString())")
            case "au":
                #expect(try reader.readUInt32() == 4)
                properties.append("\(name)=[\(try reader.readUInt32())]")
            default:
                try reader.skip(type)
                properties.append(name)
            }
        }
        #expect(
            properties == [
                "Description=d", "Slice=s.slice", "Delegate", "CollectMode=inactive-or-failed", "TimeoutStopUSec", "PIDs=[0]",
            ])
        #expect(try reader.readUInt32() == 0)
        try reader.align(to: 8)
        #expect(reader.isAtEnd)
    }

    @Test func framesKeepIt() throws {
        var plan = ScopePlan(unit: "u.scope", slice: "s.slice", description: "d")
        (plan.directory, plan.controllers) = ("/x", ["cpu", "pids"])
        var writer = FrameWriter()
        plan.encode(&writer)
        var reader = FrameReader(writer.bytes)
        #expect(try ScopePlan(&reader) == plan)
        try reader.finish()
    }
}
