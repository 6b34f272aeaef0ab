import CLinux
import CSpawnerEntry
import Glibc
import LinuxSystem
import Logging
import NIOPosix
import OCIModel
import RuntimeChild
import ShimChild
import ShimKit
import SpawnKit
import SystemPackage

/// A host program that makes one container after another until somebody kills it, and says before each step what it is
/// about to do.
///
/// With `rehearse` it only goes through the launch that a spawner rehearses.
/// With `unprivileged` it makes two containers, as a user without rights over the host, and waits.
///
/// Arguments: `throwaway`, `durable` or `unprivileged`, run directory, root directory, scratch directory, then the cgroup parents.
@main
struct ShimProbe {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.last == "rehearse" { return print(ShimRehearsal.launch() ? "to its end" : "it failed") }
        guard arguments.count >= 5 else { exit(64) }
        let isDurable = arguments[1] == "durable"
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let supervisor = try Supervisor(
            spawner: Spawner(), run: FilePath(arguments[2]), threads: threads, logger: Logger(label: "probe"))
        if arguments[1] == "unprivileged" { return try await runUnprivileged(supervisor, root: arguments[3]) }
        for index in 0..<10_000 {
            let name = "kill-\(getpid())-\(index)"
            guard let id = ContainerID(name) else { exit(65) }
            var launch = ContainerLaunch(id: id, plan: plan(name, root: arguments[3], parents: Array(arguments[5...])))
            launch.streams = StreamPlans(input: .null, output: .pipe, error: .pipe)
            launch.isDurable = isDurable
            launch.isAttachable = isDurable
            launch.isParked = !isDurable
            launch.removesItself = !isDurable
            let directory = FilePath(arguments[4]).appending(name)
            try check(ck_mkdirat(AT_FDCWD, directory.string, 0o700))
            launch.directories = [directory]
            say("create \(name)")
            let container = try await supervisor.launch(launch)
            if launch.isParked {
                say("start \(name)")
                try await container.start()
            }
            say("running \(name)")
            if isDurable { continue }
            say("exec \(name)")
            var process = ProcessPlan(arguments: ["/bin/sh", "-c", "exit 3"])
            process.capabilities.bounding = 0
            let exec = try await container.exec(ExecPlan(process: process), streams: StreamPlans())
            _ = try await exec.wait()
            say("delete \(name)")
            try await container.delete()
            say("deleted \(name)")
        }
    }

    private static func runUnprivileged(_ supervisor: Supervisor, root: String) async throws {
        for script in ["id -u; tr -s ' ' < /proc/self/uid_map", "exec sleep 10071"] {
            guard let id = ContainerID("unprivileged-\(script.utf8.count)") else { exit(65) }
            var plan = plan(id.description, root: root, parents: [])
            plan.process.arguments = ["/bin/sh", "-c", script]
            plan.process.keepsGroups = true
            plan.namespaces.new |= ck_CLONE_NEWUSER
            plan.namespaces.isUnprivileged = true
            plan.namespaces.userMappings = [.init(container: 0, host: geteuid(), size: 1)]
            plan.namespaces.groupMappings = [.init(container: 0, host: getegid(), size: 1)]
            plan.cgroup = nil
            var launch = ContainerLaunch(id: id, plan: plan)
            launch.streams = StreamPlans(input: .null, output: .pipe, error: .pipe)
            let container = try await supervisor.launch(launch)
            say("running \(id)")
            say(String(decoding: try await container.standardOutput.collect(limit: 1000).bytes, as: UTF8.self))
            say("\(try await container.wait().status)")
        }
    }

    private static func say(_ text: String) { _ = try? FileDescriptor.standardOutput.writeAll((text + "\n").utf8) }

    private static func plan(_ name: String, root: String, parents: [String]) -> LaunchPlan {
        var process = ProcessPlan(arguments: ["/bin/sh", "-c", "sleep 1000 & sleep 1000"])
        process.environment = ["PATH=/bin"]
        process.capabilities.bounding = 0
        var plan = LaunchPlan(containerID: name, process: process)
        plan.namespaces.new = ck_CLONE_NEWNS | ck_CLONE_NEWPID | ck_CLONE_NEWIPC | ck_CLONE_NEWUTS | ck_CLONE_NEWNET
        let slave: UInt64 = (1 << 19) | (1 << 14)
        plan.trees = [
            .bind(
                source: root, recursive: false, set: 0, clear: 0, attributesRecursive: false, propagation: slave, field: "root.path")
        ]
        plan.steps = [
            .setPropagation(slave), .attachRoot(tree: 0),
            .mount(type: "proc", source: "proc", target: "/proc", options: [], attributes: 0), .pivotRoot, .raiseLoopback,
        ]
        plan.cgroup = CgroupPlan(
            directories: parents.map {
                .init(path: $0 + "/" + name, isUnified: Self.isUnified($0), writes: [])
            })
        return plan
    }

    private static func isUnified(_ directory: String) -> Bool { access(directory + "/cgroup.controllers", F_OK) == 0 }
}
