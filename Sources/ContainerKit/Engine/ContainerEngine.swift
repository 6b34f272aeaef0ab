internal import BundleKit
internal import Logging
internal import NIOPosix
internal import OCIModel
public import RuntimeKit
internal import ShimKit
internal import SpawnKit
internal import Synchronization
internal import SystemPackage

/// Pulls images and makes, finds and supervises containers. One for a program, as a rule; several programs may share a root.
///
/// Take `withContainerEngine(_:operation:)` where you can; `init` and `shutdown()` are for programs whose engine lives longer
/// than a function.
public final class ContainerEngine: Sendable {
    /// What it was made with.
    public let configuration: EngineConfiguration
    let directories: EngineDirectories
    let threads: NIOThreadPool
    let spawner: Spawner
    /// Of durable containers, where they have one of their own.
    private let durableSpawner: Spawner?
    let supervisor: Supervisor
    let hostFeatures: HostFeatures
    let cgroups: CgroupHost
    let placement: CgroupPlacement
    let compiler: PlanCompiler
    let store: ImageStore
    /// Why the root takes no overlay, if so.
    let overlayObstacle: BundleError?
    let users = UserCache()
    private let live = Mutex(Live())

    private struct Live {
        var containers: [ContainerID: SupervisedContainer] = [:]
        var isShutDown = false
    }

    /// Opens the engine's directories, checks what this host allows, starts the helper process, and cleans up after programs that were
    /// killed.
    /// - Throws: `.hostUnsuitable` with all that is missing; `.storage`.
    public init(_ configure: (inout EngineConfiguration) -> Void = { _ in }) async throws(ContainerError) {
        var configuration = EngineConfiguration()
        configure(&configuration)
        self.configuration = configuration
        directories = EngineDirectories(root: configuration.root, run: configuration.run)
        let threads = NIOThreadPool(numberOfThreads: 4)
        threads.start()
        self.threads = threads
        spawner = Spawner(configuration: configuration.spawner)
        durableSpawner = configuration.durableShim.map { executable in
            var own = configuration.spawner
            own.executable = executable
            return Spawner(configuration: own)
        }
        do throws(ContainerError) {
            let opened = try await Self.open(configuration, directories, threads, spawner, durableSpawner)
            hostFeatures = opened.features
            cgroups = opened.cgroups
            placement = opened.placement
            compiler = opened.compiler
            supervisor = opened.supervisor
            overlayObstacle = opened.overlayObstacle
            store = try await ImageStore(configuration, directories, spawner: spawner, threads: threads)
        } catch {
            spawner.shutdown()
            try? await threads.shutdownGracefully()
            throw error
        }
        do throws(ShimError) {
            let lost = try await supervisor.sweep()
            await reviveAll(lost)
            for id in lost {
                configuration.logger.notice("The supervisor of container \(id) had been killed; what it left has been removed.")
            }
        } catch { configuration.logger.error("The run directory could not be swept: \(error)") }
    }

    private struct Opened {
        var features: HostFeatures
        var cgroups: CgroupHost
        var placement: CgroupPlacement
        var compiler: PlanCompiler
        var supervisor: Supervisor
        var overlayObstacle: BundleError?
    }

    private static func open(
        _ configuration: EngineConfiguration, _ directories: EngineDirectories, _ threads: NIOThreadPool, _ spawner: Spawner,
        _ durableSpawner: Spawner?
    ) async throws(ContainerError) -> Opened {
        // The helper needs some milliseconds to start; meanwhile the host is looked at.
        async let helper: Result<Void, SpawnError> = Result { () async throws(SpawnError) in try await spawner.prepare() }
        let opened = try await blocking(on: threads) { () throws(ContainerError) in
            try directories.make()
            let cgroups = CgroupHost.detect()
            let features = HostFeatures.detect(cgroups: cgroups)
            do throws(RuntimeError) { try features.requireMinimum() } catch {
                throw ContainerError(.hostUnsuitable, .engine, "this host cannot run containers", cause: error)
            }
            let placement: CgroupPlacement
            do throws(RuntimeError) {
                placement = try CgroupPlacement(
                    parent: configuration.cgroupParent, systemd: configuration.usesSystemdScopes ? .detect(cgroups) : nil, on: cgroups
                ) {
                    if features.isPrivileged {
                        configuration.logger.notice("Containers have no cgroup here, so limits are refused: \($0)")
                    }
                }
            } catch { throw ContainerError(.configurationRefused, .option("cgroupParent"), "it cannot be used", cause: error) }
            if let unit = placement.undelegatedService {
                configuration.logger.notice(
                    "Containers lie outside of this program's unit: write `Delegate=yes` into the [Service] section of \(unit).")
            }
            let compiler = PlanCompiler(
                features: features, cgroups: cgroups, seccomp: SeccompCache(directory: directories.cache.appending("seccomp")))
            let supervisor: Supervisor
            do throws(ShimError) {
                supervisor = try Supervisor(
                    spawner: spawner, durableSpawner: durableSpawner, run: directories.run, threads: threads, logger: configuration.logger)
            } catch { throw ContainerError(error, container: nil) }
            var obstacle: BundleError?
            do throws(BundleError) { try UpperDirectory.check(directories.containers) } catch { obstacle = error }
            for path in ContainerDirectory.sweep(directories) {
                configuration.logger.notice("\(path) belonged to a program that was killed; it has been removed.")
            }
            return Opened(
                features: features, cgroups: cgroups, placement: placement, compiler: compiler, supervisor: supervisor,
                overlayObstacle: obstacle)
        }
        // Without rights no container is made, and images are only stored.
        if case .failure(let error) = await helper, opened.features.isPrivileged {
            opened.supervisor.shutdown()
            throw ContainerError(
                .hostUnsuitable, .engine, "this program cannot start its helper process", advice: "See `EngineConfiguration.spawner`.",
                cause: error)
        }
        return opened
    }

    /// Removes every throwaway container that this engine made, and ends its helper process, threads and connections. Durable containers
    /// go on.
    /// - Throws: `.removalFailed`.
    public func shutdown() async throws(ContainerError) {
        let remaining = live.withLock { live -> [SupervisedContainer]? in
            if live.isShutDown { return nil }
            live.isShutDown = true
            defer { live.containers = [:] }
            return Array(live.containers.values)
        }
        guard let remaining else { return }
        var failure: ContainerError?
        for container in remaining {
            if container.isDurable {
                container.close()
            } else {
                do throws(ShimError) { try await uncancelled { () throws(ShimError) in try await container.delete() } } catch {
                    if failure == nil {
                        failure = ContainerError(error, container: container.id)
                    } else {
                        failure?.suppressed.append(error)
                    }
                }
            }
        }
        if configuration.removesCgroupParent {
            let cgroups = cgroups
            // What somebody else's containers are in stays.
            try? await blocking { () throws(ContainerError) in cgroups.removeParents() }
        }
        await store.shutdown()
        supervisor.shutdown()
        spawner.shutdown()
        durableSpawner?.shutdown()
        do { try await threads.shutdownGracefully() } catch {
            configuration.logger.error("The engine's threads could not be ended: \(error)")
        }
        if let failure { throw failure }
    }

    /// What this kernel and the rights of this program allow; what is missing, and how to mend it.
    public func features() -> HostFeatures { hostFeatures }

    // MARK: containers of this program

    func adopt(_ container: SupervisedContainer) throws(ContainerError) {
        let isClosed = live.withLock { live in
            if !live.isShutDown { live.containers[container.id] = container }
            return live.isShutDown
        }
        if isClosed { throw ContainerError(.closed, .engine, "the engine has been shut down") }
    }

    /// By identity: a second handle of a container that was reattached may come and go.
    func forget(_ container: SupervisedContainer) {
        live.withLock { live in
            if live.containers[container.id] === container { live.containers[container.id] = nil }
        }
    }

    func expectOpen() throws(ContainerError) {
        if live.withLock({ $0.isShutDown }) { throw ContainerError(.closed, .engine, "the engine has been shut down") }
    }

    func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ContainerError) -> Value
    ) async throws(ContainerError) -> Value {
        try await Self.blocking(on: threads, body)
    }

    /// Runs a body that blocks on the engine's threads.
    static func blocking<Value: Sendable>(
        on threads: NIOThreadPool, _ body: @escaping @Sendable () throws(ContainerError) -> Value
    ) async throws(ContainerError) -> Value {
        do { return try await threads.runIfActive { try body() } } catch let error as ContainerError {
            throw error
        } catch is CancellationError {
            throw ContainerError(.cancelled, .engine, "the task was cancelled")
        } catch {
            throw ContainerError(.closed, .engine, "the engine has been shut down", cause: error)
        }
    }
}

/// Runs a clean-up to its end in a task of its own, which is awaited and not cancelled with this one.
func uncancelled<Failure: Error>(_ body: @escaping @Sendable () async throws(Failure) -> Void) async throws(Failure) {
    let task = Task { () -> Result<Void, Failure> in
        do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
    try await task.value.get()
}

extension Result {
    fileprivate init(_ body: () async throws(Failure) -> Success) async {
        do throws(Failure) { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
