import OCIModel
import RuntimeChild
import Testing

@testable import RuntimeKit

/// What is not enforced, or wrong, is refused before anything is made, by the name of its field.
@Suite struct RefusedFieldTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var field: String
        var code: RuntimeError.Code
        var change: @Sendable (inout RuntimeConfiguration) -> Void
        var testDescription: String { field }

        init(_ field: String, _ code: RuntimeError.Code, _ change: @escaping @Sendable (inout RuntimeConfiguration) -> Void) {
            self.field = field
            self.code = code
            self.change = change
        }
    }

    @Test(arguments: unsupported + process + linux + mounts + applied) func isRefusedByName(_ example: Case) throws {
        do {
            _ = try Configurations.compile { example.change(&$0) }
            Issue.record("\(example.field) was accepted")
        } catch let error as RuntimeError {
            #expect(error.code == example.code)
            #expect(error.subject == .field(example.field))
            #expect(error.description.contains(example.field))
        }
    }

    @Test func theConfigurationTheyStartFromIsAccepted() throws {
        _ = try Configurations.compile(Configurations.minimal)
    }

    private static let hook = [RuntimeConfiguration.Hook(path: "/bin/true")]

    static let unsupported: [Case] = [
        Case("ociVersion", .unsupportedField) { $0.ociVersion = "2.0.0" },
        Case("ociVersion", .invalidField) { $0.ociVersion = "one" },
        Case("hooks.prestart", .unsupportedField) { $0.hooks = .init(prestart: hook) },
        Case("hooks.createRuntime", .unsupportedField) { $0.hooks = .init(createRuntime: hook) },
        Case("hooks.createContainer", .unsupportedField) { $0.hooks = .init(createContainer: hook) },
        Case("hooks.startContainer", .unsupportedField) { $0.hooks = .init(startContainer: hook) },
        Case("hooks.poststart", .unsupportedField) { $0.hooks = .init(poststart: hook) },
        Case("hooks.poststop", .unsupportedField) { $0.hooks = .init(poststop: hook) },
        Case("linux.netDevices", .invalidField) {
            $0.linux?.netDevices = ["eth0": .init()]
            $0.linux?.namespaces?.removeAll { $0.type == .network }
        },
        Case("linux.netDevices[eth 0]", .invalidField) { $0.linux?.netDevices = ["eth 0": .init()] },
        Case("linux.netDevices[eth0].name", .invalidField) { $0.linux?.netDevices = ["eth0": .init(name: "lo")] },
        Case("linux.netDevices[eth0].name", .invalidField) { $0.linux?.netDevices = ["eth0": .init(name: "sixteen-letters-")] },
        Case("linux.netDevices[eth1].name", .invalidField) { $0.linux?.netDevices = ["eth0": .init(), "eth1": .init(name: "eth0")] },
        Case("linux.resources.memory.kernel", .unsupportedField) { $0.linux?.resources = .init(memory: .init(kernel: 1 << 20)) },
        Case("linux.resources.memory.swappiness", .unsupportedField) { $0.linux?.resources = .init(memory: .init(swappiness: 1)) },
        Case("linux.resources.memory.disableOOMKiller", .unsupportedField) {
            $0.linux?.resources = .init(memory: .init(disableOOMKiller: true))
        },
        Case("linux.resources.cpu.realtimeRuntime", .unsupportedField) { $0.linux?.resources = .init(cpu: .init(realtimeRuntime: 1)) },
        Case("linux.resources.cpu.realtimePeriod", .unsupportedField) { $0.linux?.resources = .init(cpu: .init(realtimePeriod: 1)) },
        Case("linux.resources.blockIO.leafWeight", .unsupportedField) { $0.linux?.resources = .init(blockIO: .init(leafWeight: 100)) },
        Case("linux.resources.unified[cgroup.procs]", .unsupportedField) { $0.linux?.resources = .init(unified: ["cgroup.procs": "0"]) },
        Case("linux.cgroupsPath", .unsupportedField) { $0.linux?.cgroupsPath = "system.slice:docker:one" },
        Case("process.user.username", .unsupportedField) { $0.process?.user = .init(username: "root") },
    ]

    static let process: [Case] = [
        Case("process", .invalidField) { $0.process = nil },
        Case("process.args", .invalidField) { $0.process?.args = [] },
        Case("process.args[1]", .invalidField) { $0.process?.args = ["true", "a\0b"] },
        Case("process.env[0]", .invalidField) { $0.process?.env = ["PATH"] },
        Case("process.env[0]", .invalidField) { $0.process?.env = ["=x"] },
        Case("process.cwd", .invalidField) { $0.process?.cwd = "here" },
        Case("process.cwd", .invalidField) { $0.process?.cwd = "/a/../../b" },
        Case("process.user.uid", .invalidField) { $0.process?.user = .init(uid: .max) },
        Case("process.user.additionalGids[0]", .invalidField) { $0.process?.user = .init(additionalGids: [.max]) },
        Case("process.user.umask", .invalidField) { $0.process?.user = .init(umask: 0o7777) },
        Case("process.capabilities.bounding[0]", .invalidField) { $0.process?.capabilities = .init(bounding: ["CAP_FLY"]) },
        Case("process.capabilities.bounding[0]", .invalidField) { $0.process?.capabilities = .init(bounding: ["cap_chown"]) },
        Case("process.capabilities.effective", .invalidField) { $0.process?.capabilities = .init(effective: ["CAP_CHOWN"]) },
        Case("process.capabilities.ambient", .invalidField) {
            $0.process?.capabilities = .init(permitted: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"])
        },
        Case("process.rlimits[0].type", .invalidField) { $0.process?.rlimits = [.init(type: "RLIMIT_JOY", soft: 1, hard: 1)] },
        Case("process.rlimits[1].type", .invalidField) {
            $0.process?.rlimits = [.init(type: "RLIMIT_CPU", soft: 1, hard: 1), .init(type: "RLIMIT_CPU", soft: 1, hard: 1)]
        },
        Case("process.rlimits[0].soft", .invalidField) { $0.process?.rlimits = [.init(type: "RLIMIT_CPU", soft: 2, hard: 1)] },
        Case("process.oomScoreAdj", .invalidField) { $0.process?.oomScoreAdj = 1001 },
        Case("process.consoleSize", .invalidField) {
            $0.process?.terminal = true
            $0.process?.consoleSize = .init(height: 70000, width: 80)
        },
        Case("process.scheduler.policy", .unsupportedField) { $0.process?.scheduler = .init(policy: "SCHED_ISO") },
        Case("process.scheduler.priority", .invalidField) { $0.process?.scheduler = .init(policy: "SCHED_FIFO") },
        Case("process.scheduler.nice", .invalidField) { $0.process?.scheduler = .init(policy: "SCHED_OTHER", nice: 20) },
        Case("process.scheduler", .invalidField) { $0.process?.scheduler = .init(policy: "SCHED_DEADLINE", runtime: 5) },
        Case("process.ioPriority.class", .invalidField) { $0.process?.ioPriority = .init(class: "IOPRIO_CLASS_MAX") },
        Case("process.ioPriority.priority", .invalidField) { $0.process?.ioPriority = .init(class: "IOPRIO_CLASS_BE", priority: 8) },
        Case("process.execCPUAffinity.final", .invalidField) { $0.process?.execCPUAffinity = .init(final: "3-1") },
    ]

    static let linux: [Case] = [
        Case("linux.namespaces", .invalidField) { $0.linux?.namespaces?.removeAll { $0.type == .mount } },
        Case("linux.namespaces[6].type", .invalidField) { $0.linux?.namespaces?.append(.init(type: .pid)) },
        Case("linux.namespaces[6].type", .unsupportedField) { $0.linux?.namespaces?.append(.init(type: .init(rawValue: "syslog"))) },
        Case("linux.namespaces[1].path", .invalidField) { $0.linux?.namespaces?[1].path = "/proc/self/status" },
        Case("linux.namespaces[1].path", .invalidField) { $0.linux?.namespaces?[1].path = "/proc/self/ns/uts" },
        Case("linux.namespaces[1].path", .namespaceFailed) { $0.linux?.namespaces?[1].path = "/nowhere" },
        Case("linux.namespaces[4].path", .unsupportedField) { $0.linux?.namespaces?[4].path = "/proc/self/ns/mnt" },
        Case("linux.namespaces[6].path", .invalidField) {
            $0.linux?.namespaces?.append(.init(type: .user, path: "/proc/self/ns/net"))
        },
        Case("linux.uidMappings", .invalidField) { $0.linux?.namespaces?.append(.init(type: .user)) },
        Case("linux.uidMappings", .invalidField) { $0.linux?.uidMappings = [.init(containerID: 0, hostID: 1, size: 1)] },
        Case("linux.uidMappings[1]", .invalidField) {
            $0.linux?.namespaces?.append(.init(type: .user))
            $0.linux?.uidMappings = [.init(containerID: 0, hostID: 1, size: 10), .init(containerID: 5, hostID: 100, size: 1)]
        },
        Case("linux.timeOffsets", .invalidField) { $0.linux?.timeOffsets = .init(monotonic: .init(secs: 1)) },
        Case("hostname", .invalidField) { $0.linux?.namespaces?.removeAll { $0.type == .uts } },
        Case("hostname", .invalidField) { $0.hostname = String(repeating: "a", count: 65) },
        Case("domainname", .invalidField) { $0.domainname = "a b" },
        Case("linux.sysctl[kernel.panic]", .invalidField) { $0.linux?.sysctl = ["kernel.panic": "1"] },
        Case("linux.sysctl[vm.swappiness]", .invalidField) { $0.linux?.sysctl = ["vm.swappiness": "1"] },
        Case("linux.sysctl[kernel.hostname]", .invalidField) { $0.linux?.sysctl = ["kernel.hostname": "x"] },
        Case("linux.sysctl[net/../kernel/panic]", .invalidField) { $0.linux?.sysctl = ["net/../kernel/panic": "1"] },
        Case("linux.sysctl[net.ipv4.ip_forward]", .invalidField) {
            $0.linux?.sysctl = ["net.ipv4.ip_forward": "1"]
            $0.linux?.namespaces?.removeAll { $0.type == .network }
        },
        Case("linux.maskedPaths[0]", .invalidField) { $0.linux?.maskedPaths = ["proc/kcore"] },
        Case("linux.maskedPaths[0]", .invalidField) { $0.linux?.maskedPaths = ["/"] },
        Case("linux.readonlyPaths[0]", .invalidField) { $0.linux?.readonlyPaths = ["/"] },
        Case("linux.rootfsPropagation", .invalidField) { $0.linux?.rootfsPropagation = "public" },
        Case("linux.personality.domain", .invalidField) { $0.linux?.personality = .init(domain: "LINUX64") },
        Case("linux.devices[0].type", .invalidField) { $0.linux?.devices = [.init(type: "x", path: "/dev/x", major: 1, minor: 1)] },
        Case("linux.devices[0].path", .invalidField) { $0.linux?.devices = [.init(type: "c", path: "dev/x", major: 1, minor: 1)] },
        Case("linux.devices[0].major", .invalidField) { $0.linux?.devices = [.init(type: "c", path: "/dev/x", major: 4096, minor: 1)] },
        Case("linux.devices[0].minor", .invalidField) { $0.linux?.devices = [.init(type: "b", path: "/dev/x", major: 1)] },
        Case("linux.devices[1].path", .invalidField) {
            let device = RuntimeConfiguration.Device(type: "c", path: "/dev/x", major: 1, minor: 3)
            $0.linux?.devices = [device, device]
        },
        Case("linux.cgroupsPath", .invalidField) { $0.linux?.cgroupsPath = "/a/../b" },
        Case("linux.cgroupsPath", .invalidField) { $0.linux?.cgroupsPath = "/" },
        Case("linux.resources.devices[0].type", .invalidField) { $0.linux?.resources = .init(devices: [.init(allow: true, type: "x")]) },
        Case("linux.resources.devices[0].access", .invalidField) {
            $0.linux?.resources = .init(devices: [.init(allow: true, access: "rx")])
        },
        Case("linux.resources.memory.limit", .invalidField) { $0.linux?.resources = .init(memory: .init(limit: -2)) },
        Case("linux.resources.memory.swap", .invalidField) { $0.linux?.resources = .init(memory: .init(swap: 1 << 20)) },
        Case("linux.resources.memory.swap", .invalidField) { $0.linux?.resources = .init(memory: .init(limit: 2, swap: 1)) },
        Case("linux.resources.memory.reservation", .invalidField) {
            $0.linux?.resources = .init(memory: .init(limit: 1, reservation: 2))
        },
        Case("linux.resources.memory.useHierarchy", .invalidField) { $0.linux?.resources = .init(memory: .init(useHierarchy: false)) },
        Case("linux.resources.cpu.shares", .invalidField) { $0.linux?.resources = .init(cpu: .init(shares: 1)) },
        Case("linux.resources.cpu.period", .invalidField) { $0.linux?.resources = .init(cpu: .init(period: 10)) },
        Case("linux.resources.cpu.quota", .invalidField) { $0.linux?.resources = .init(cpu: .init(quota: 10)) },
        Case("linux.resources.cpu.burst", .invalidField) { $0.linux?.resources = .init(cpu: .init(burst: 10)) },
        Case("linux.resources.cpu.idle", .invalidField) { $0.linux?.resources = .init(cpu: .init(idle: 2)) },
        Case("linux.resources.cpu.cpus", .invalidField) { $0.linux?.resources = .init(cpu: .init(cpus: "0-")) },
        Case("linux.resources.blockIO.weight", .invalidField) { $0.linux?.resources = .init(blockIO: .init(weight: 5)) },
        Case("linux.resources.blockIO.throttleReadBpsDevice[0].rate", .invalidField) {
            $0.linux?.resources = .init(blockIO: .init(throttleReadBpsDevice: [.init(major: 8, minor: 0)]))
        },
        Case("linux.resources.hugepageLimits[0].pageSize", .invalidField) {
            $0.linux?.resources = .init(hugepageLimits: [.init(pageSize: "2mb", limit: 1)])
        },
        Case("linux.resources.unified[../x.y]", .invalidField) { $0.linux?.resources = .init(unified: ["../x.y": "1"]) },
        Case("linux.resources.unified[rdma.max]", .hostLacksFeature) { $0.linux?.resources = .init(unified: ["rdma.max": "1"]) },
        Case("linux.seccomp.defaultAction", .invalidField) { $0.linux?.seccomp = .init(defaultAction: .init(rawValue: "SCMP_ACT_SING")) },
        Case("linux.seccomp.architectures[0]", .invalidField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, architectures: ["SCMP_ARCH_VAX"])
        },
        Case("linux.seccomp.defaultErrnoRet", .invalidField) { $0.linux?.seccomp = .init(defaultAction: .allow, defaultErrnoRet: 1) },
        Case("linux.seccomp.syscalls[0].errnoRet", .invalidField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .errno, errnoRet: 5000)])
        },
        Case("linux.seccomp.syscalls[0].names[0]", .hostLacksFeature) {
            $0.linux?.seccomp = .init(defaultAction: .allow, syscalls: [.init(names: ["mounnt"], action: .errno)])
        },
        Case("linux.seccomp.syscalls[0].args[0].op", .invalidField) {
            $0.linux?.seccomp = .init(
                defaultAction: .errno,
                syscalls: [.init(names: ["read"], action: .allow, args: [.init(index: 0, value: 0, op: "SCMP_CMP_IS")])])
        },
        Case("linux.seccomp.syscalls[0].args[0].index", .invalidField) {
            $0.linux?.seccomp = .init(
                defaultAction: .errno,
                syscalls: [.init(names: ["read"], action: .allow, args: [.init(index: 6, value: 0, op: "SCMP_CMP_EQ")])])
        },
    ]

    private static func mount(_ entry: RuntimeConfiguration.MountEntry) -> @Sendable (inout RuntimeConfiguration) -> Void {
        { $0.mounts?.append(entry) }
    }

    static let mounts: [Case] = [
        Case("mounts[7].destination", .invalidField, mount(.init(destination: "data", type: "tmpfs"))),
        Case("mounts[7].destination", .invalidField, mount(.init(destination: "/", type: "tmpfs"))),
        Case("mounts[7].destination", .invalidField, mount(.init(destination: "/proc/sys", type: "tmpfs"))),
        Case("mounts[7].destination", .invalidField, mount(.init(destination: "/proc", type: "tmpfs"))),
        Case("mounts[7].destination", .invalidField, mount(.init(destination: "/a/../proc", type: "tmpfs"))),
        Case("mounts[7].type", .invalidField, mount(.init(destination: "/data"))),
        Case("mounts[7].source", .invalidField, mount(.init(destination: "/data", source: "here", options: ["bind"]))),
        Case("mounts[7].options", .invalidField, mount(.init(destination: "/data", source: "/", options: ["bind", "size=1"]))),
    ]

    /// Of what is applied, what makes no sense.
    static let applied: [Case] = [
        Case("linux.personality.flags", .unsupportedField) { $0.linux?.personality = .init(domain: "LINUX", flags: ["X"]) },
        Case("linux.resources.blockIO.weightDevice[0].leafWeight", .unsupportedField) {
            $0.linux?.resources = .init(blockIO: .init(weightDevice: [.init(major: 8, minor: 0, weight: 10, leafWeight: 10)]))
        },
        Case("linux.intelRdt", .hostLacksFeature) { $0.linux?.intelRdt = .init(closID: "x") },
        Case("linux.memoryPolicy.mode", .invalidField) { $0.linux?.memoryPolicy = .init(mode: "MPOL_NEAR") },
        Case("linux.memoryPolicy.nodes", .invalidField) { $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND") },
        Case("linux.memoryPolicy.nodes", .invalidField) { $0.linux?.memoryPolicy = .init(mode: "MPOL_LOCAL", nodes: "0") },
        Case("linux.memoryPolicy.flags[0]", .invalidField) {
            $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_FAST"])
        },
        Case("linux.memoryPolicy.flags", .invalidField) {
            $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"])
        },
        Case("linux.resources.network.classID", .hostLacksFeature) { $0.linux?.resources = .init(network: .init(classID: 1)) },
        Case("linux.resources.network.priorities[0]", .hostLacksFeature) {
            $0.linux?.resources = .init(network: .init(priorities: [.init(name: "lo", priority: 1)]))
        },
        Case("linux.resources.network.priorities[0].name", .invalidField) {
            $0.linux?.resources = .init(network: .init(priorities: [.init(name: "l o", priority: 1)]))
        },
        Case("linux.resources.rdma[mlx]", .hostLacksFeature) { $0.linux?.resources = .init(rdma: ["mlx": .init(hcaHandles: 1)]) },
        Case("linux.resources.rdma[mlx]", .invalidField) { $0.linux?.resources = .init(rdma: ["mlx": .init()]) },
        Case("linux.seccomp.listenerPath", .invalidField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, listenerPath: "run/listener")
        },
        Case("linux.seccomp.listenerMetadata", .invalidField) { $0.linux?.seccomp = .init(defaultAction: .allow, listenerMetadata: "x") },
        Case("linux.seccomp.syscalls[0].action", .invalidField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, syscalls: [.init(names: ["mount"], action: .notify)])
        },
        Case("linux.seccomp.defaultAction", .unsupportedField) {
            $0.linux?.seccomp = .init(defaultAction: .notify, listenerPath: "/run/listener")
        },
        Case("linux.seccomp.flags[0]", .invalidField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
        },
        Case("linux.seccomp.flags[0]", .unsupportedField) {
            $0.linux?.seccomp = .init(defaultAction: .allow, flags: ["SECCOMP_FILTER_FLAG_X"])
        },
        Case("mounts[7].options[0]", .unsupportedField, mount(.init(destination: "/data", type: "tmpfs", options: ["mand"]))),
        Case("mounts[7].options[0]", .unsupportedField, mount(.init(destination: "/data", type: "tmpfs", options: ["copy-symlink"]))),
        Case("mounts[7].options", .unsupportedField, mount(.init(destination: "/data", type: "tmpfs", options: ["remount", "size=1"]))),
        Case("mounts[7].options", .invalidField, mount(.init(destination: "/data", source: "/", options: ["bind", "tmpcopyup"]))),
        Case("mounts[7].options", .invalidField, mount(.init(destination: "/data", source: "/", options: ["bind", "idmap"]))),
        Case("mounts[7].options", .unsupportedField, mount(.init(destination: "/data", type: "tmpfs", options: ["idmap"]))),
        Case(
            "mounts[7].gidMappings", .invalidField,
            mount(
                .init(
                    destination: "/data", source: "/", options: ["bind"],
                    uidMappings: [.init(containerID: 0, hostID: 0, size: 1)]))),
        Case(
            "mounts[7].uidMappings[0].size", .invalidField,
            mount(
                .init(
                    destination: "/data", source: "/", options: ["bind"],
                    uidMappings: [.init(containerID: 0, hostID: 0, size: 0)]))),
    ]
}
