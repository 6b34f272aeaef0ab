internal import LinuxSystem
public import Logging
internal import NIOPosix
public import OCIModel
internal import RuntimeChild
public import RuntimeKit
internal import ShimChild
internal import SpawnKit
public import SystemPackage

/// Runs containers from OCI runtime configurations, for programs that need no images: a root directory and a `config.json` are enough.
///
/// Every container that it makes is a throwaway one: it ends with the program at the latest, and nothing is left of it. Programs that
/// pull images, keep containers or attach to them use `ContainerEngine` of ContainerKit.
public final class ContainerSupervisor: Sendable {
    private let spawner: Spawner
    private let threads: NIOThreadPool
    private let supervisor: Supervisor
    private let compiler: PlanCompiler
    private let cgroups: CgroupHost
    private let cgroupParent: CgroupParent?

    /// Starts the helper process that makes containers (2–14 ms) and looks at the host.
    ///
    /// - Parameters:
    ///   - directory: where state is kept while containers run; made when missing, 0700. A tmpfs serves best: `/run/<program>`.
    ///   - cgroupParent: the cgroup below which each container gets its own; nil takes `CgroupParent.default(on:)`, and where that is
    ///     not possible containers have no cgroup and limits are refused.
    ///   - helper: the path of `container-shim`, for programs that cannot execute themselves a second time; nil is the program itself.
    ///   - logger: where failed clean-ups are reported.
    /// - Throws: `ShimError`: `.spawnFailed` when the helper cannot be started, `.commandFailed` when the directory cannot be used.
    public init(
        directory: FilePath, cgroupParent: CgroupParent? = nil, helper: FilePath? = nil,
        logger: Logger = Logger(label: "container-kit")
    ) async throws(ShimError) {
        var configuration = SpawnerConfiguration()
        configuration.executable = helper
        let spawner = Spawner(configuration: configuration)
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        do {
            try await spawner.prepare()
            let opened = try await threads.runIfActive {
                let cgroups = CgroupHost.detect()
                let supervisor = try Supervisor(spawner: spawner, run: directory, threads: threads, logger: logger)
                let compiler = PlanCompiler(
                    features: .detect(cgroups: cgroups), cgroups: cgroups, seccomp: SeccompCache(directory: nil))
                return (cgroups, supervisor, compiler, try? cgroupParent ?? .default(on: cgroups))
            }
            self.spawner = spawner
            self.threads = threads
            (cgroups, supervisor, compiler, self.cgroupParent) = opened
        } catch {
            spawner.shutdown()
            try? await threads.shutdownGracefully()
            if let error = error as? ShimError { throw error }
            throw ShimError(.spawnFailed, "the helper process could not be started", cause: error)
        }
    }

    /// Runs a container to its end and returns when everything it had is removed.
    ///
    /// Cancelling the task ends the container. Standard input is empty.
    ///
    /// - Parameters:
    ///   - configuration: see runtime-spec config.md. Fields that are not enforced are refused by name.
    ///   - id: its name, which no other container of the directory has.
    ///   - root: where the root file system comes from; nil is `configuration.root.path`, which has to be absolute then.
    ///   - ownedDirectories: directories of this container alone, such as those of an overlay: removed with it.
    ///   - outputLimit: bytes of standard output and standard error together; what comes after them is thrown away. 0 gives the
    ///     process /dev/null instead.
    /// - Throws: `RuntimeError` for a configuration that is refused, `ShimError` for what failed, `CancellationError`.
    public func run(
        _ configuration: RuntimeConfiguration, id: ContainerID, root: RootSource? = nil, ownedDirectories: [FilePath] = [],
        outputLimit: Int = 1 << 20
    ) async throws -> (exit: ProcessExit, output: [UInt8]) {
        let root = root ?? .directory(FilePath(configuration.root?.path ?? ""))
        return try await run(configuration, id, root, ownedDirectories, outputLimit)
    }

    /// Not on the caller's executor, where each of its steps would wait for its turn.
    @concurrent
    private func run(
        _ configuration: RuntimeConfiguration, _ id: ContainerID, _ root: RootSource, _ ownedDirectories: [FilePath], _ outputLimit: Int
    ) async throws -> (exit: ProcessExit, output: [UInt8]) {
        let container = try await threads.runIfActive {
            let plan = try self.compiler.compile(configuration, container: id, root: root, cgroupParent: self.cgroupParent)
            if let cgroup = plan.cgroup { try self.cgroups.prepare(for: cgroup) }
            var launch = ContainerLaunch(id: id, plan: plan)
            if outputLimit > 0 { launch.streams = StreamPlans(input: .null, output: .pipe, error: .sameAsOutput) }
            launch.removesItself = true
            launch.directories = ownedDirectories
            return try self.supervisor.begin(launch)
        }
        do throws(ShimError) {
            if outputLimit == 0 { return (try await container.ranToItsEnd(), []) }
            try await container.launched()
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw error
        }
        do {
            let output = try await container.standardOutput.collect(limit: outputLimit).bytes
            try await container.waitUntilRemoved()
            return (try await container.wait(), output)
        } catch {
            await container.removeUncancelled()
            if Task.isCancelled { throw CancellationError() }
            throw error
        }
    }

    /// Ends the helper process and the threads. Containers that still run are killed and removed.
    public func shutdown() async {
        supervisor.shutdown()
        spawner.shutdown()
        try? await threads.shutdownGracefully()
        cgroups.removeParents()
    }
}
