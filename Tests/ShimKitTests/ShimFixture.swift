import CLinux
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
import TestSupport
import Testing

/// A supervisor over a spawner of its own, with a busybox root directory.
struct ShimFixture: Sendable {
    let supervisor: Supervisor
    let spawner: Spawner
    let directory: FilePath
    var root: FilePath { directory.appending("root") }
    var run: FilePath { directory.appending("run") }

    /// Runs `body` and tears everything down.
    static func with(_ body: (ShimFixture) async throws -> Void) async throws {
        let directory = try TestDirectory.make("shim")
        let spawner = Spawner()
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        var supervisor: Supervisor?
        let result: Result<Void, any Error>
        do {
            try TestRootFileSystem.make(at: directory.appending("root"))
            let made = try Supervisor(
                spawner: spawner, run: directory.appending("run"), threads: threads, logger: Logger(label: "test"))
            supervisor = made
            try await body(ShimFixture(supervisor: made, spawner: spawner, directory: directory))
            result = .success(())
        } catch { result = .failure(error) }
        supervisor?.shutdown()
        spawner.shutdown()
        try await threads.shutdownGracefully()
        try TestDirectory.remove(directory)
        try result.get()
    }

    /// The least plan that is still a container: its own mount, pid, ipc, uts and net namespaces and a root.
    func plan(_ arguments: [String], id: String) -> LaunchPlan {
        var process = ProcessPlan(arguments: arguments)
        process.environment = ["PATH=/bin"]
        process.capabilities.bounding = 0
        var plan = LaunchPlan(containerID: id, process: process)
        plan.namespaces.new = ck_CLONE_NEWNS | ck_CLONE_NEWPID | ck_CLONE_NEWIPC | ck_CLONE_NEWUTS | ck_CLONE_NEWNET
        plan.trees = [
            .bind(
                source: root.string, recursive: false, set: 0, clear: 0, attributesRecursive: false, propagation: (1 << 19) | (1 << 14),
                field: "root.path")
        ]
        plan.steps = [
            .setPropagation((1 << 19) | (1 << 14)), .attachRoot(tree: 0),
            .mount(type: "proc", source: "proc", target: "/proc", options: [], attributes: 0), .pivotRoot, .raiseLoopback,
        ]
        return plan
    }

    func launch(_ arguments: [String], id: String = "test", _ configure: (inout ContainerLaunch) -> Void = { _ in })
        async throws -> SupervisedContainer
    {
        let name = try #require(ContainerID(id))
        var launch = ContainerLaunch(id: name, plan: plan(arguments, id: id))
        launch.streams = StreamPlans(input: .null, output: .pipe, error: .pipe)
        launch.removesItself = true
        configure(&launch)
        return try await supervisor.launch(launch)
    }
}
