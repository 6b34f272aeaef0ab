internal import CLinux
internal import LinuxSystem
package import Logging
package import NIOPosix
internal import OCIModel
internal import RuntimeChild
internal import RuntimeKit
internal import ShimChild
package import SpawnKit
package import SystemPackage

/// Makes, finds and cleans up supervised containers below one run directory.
package final class Supervisor: Sendable {
    let spawner: Spawner
    /// Of durable containers.
    let durableSpawner: Spawner
    let run: FilePath
    let bootID: String
    let reactor: Reactor
    let threads: NIOThreadPool
    let logger: Logger
    /// This program, for the life bond of throwaway containers.
    private let ownProcess: SharedDescriptor
    /// This program, for those who find its containers after its end.
    private let creator = ContainerState.Creator(pid: getpid())

    /// - Parameters:
    ///   - durableSpawner: makes the shims of durable containers; nil is the one of all others.
    ///   - run: the run directory; `containers` in it is made, 0700.
    ///   - threads: where file system calls block. Its owner shuts it down, after this.
    /// - Throws: `ShimError` when the directory cannot be made.
    package init(
        spawner: Spawner, durableSpawner: Spawner? = nil, run: FilePath, threads: NIOThreadPool, logger: Logger
    ) throws(ShimError) {
        self.spawner = spawner
        self.durableSpawner = durableSpawner ?? spawner
        self.run = run
        self.threads = threads
        self.logger = logger
        do throws(Errno) {
            for path in [run, run.appending("containers")] {
                let result = ck_mkdirat(AT_FDCWD, path.string, 0o700)
                if result != -Int(EEXIST) { try check(result) }
            }
            bootID = try BootID.read()
            reactor = try Reactor()
            ownProcess = SharedDescriptor(try OwnedDescriptor.process(getpid()))
        } catch {
            throw ShimError(.commandFailed, errno: error, "cannot use the run directory \(run)")
        }
    }

    /// Stops watching. Containers that are bound to this program end as its connections close.
    package func shutdown() { reactor.close() }

    // MARK: making

    /// Makes a container and, unless it is parked, starts it.
    ///
    /// - Returns: when the program's first instruction is about to run (or before it, parked).
    /// - Throws: `ShimError`: `.launchFailed` with a `RuntimeError` as its cause, `.alreadyExists`, `.spawnFailed`,
    ///   `.cancelled`. Nothing is left of the container then.
    package func launch(_ launch: ContainerLaunch) async throws(ShimError) -> SupervisedContainer {
        let container = try await onThread { () throws(ShimError) in try self.begin(launch) }
        try await container.launched()
        return container
    }

    /// The part of `launch` that blocks: makes the run directory and asks for the shim, without waiting for it.
    ///
    /// To be called on a thread that may block, and `launched()` on what it returns.
    /// - Throws: `.alreadyExists`, `.spawnFailed`. Nothing is left of the container then.
    package func begin(_ launch: ContainerLaunch) throws(ShimError) -> SupervisedContainer {
        let directory = RunDirectory(launch.id, in: run)
        let state = ContainerState(
            id: launch.id, bootID: bootID, createdAt: Self.now(), isDurable: launch.isDurable,
            removesItself: launch.removesItself,
            cgroups: launch.plan.cgroup?.directories.map { .init(path: $0.path, isUnified: $0.isUnified) } ?? [],
            removedDirectories: launch.directories.map(\.string), details: launch.details, creator: creator)
        let lock = try directory.make(state)

        let container = SupervisedContainer(launch, directory: directory, supervisor: self)
        do throws(Errno) {
            let pair = try SocketPair()
            try container.connect(try pair.near.duplicate())
            // Not held on to: that would hide the shim's end.
            let descriptors = [SharedDescriptor(try pair.far.duplicate()), ownProcess, lock] + launch.descriptors
            let spawner = launch.isDurable ? durableSpawner : spawner
            spawner.spawn(.shim, request: request(launch, directory).encode(), descriptors: descriptors) { result in
                if case .failure(let error) = result { container.wasNotSpawned(error) }
            }
        } catch {
            var failure = ShimError(.spawnFailed, container: launch.id, errno: error, "cannot make a connection for the shim")
            do throws(ShimError) { try discard(directory) } catch { failure.suppressed.append(error) }
            throw failure
        }
        return container
    }

    private func request(_ launch: ContainerLaunch, _ directory: RunDirectory) -> ShimRequest {
        var request = ShimRequest(
            containerID: launch.id.description, runDirectory: directory.path.string, plan: launch.plan.encode())
        request.isDurable = launch.isDurable
        request.isParked = launch.isParked
        request.isAttachable = launch.isAttachable
        request.keepsRecord = launch.isAttachable || !launch.removesItself
        request.removedDirectories = launch.directories.map(\.string)
        request.removesItself = launch.removesItself
        request.streams = launch.streams
        request.log = launch.log
        request.restart = launch.restart
        request.scope = launch.scope
        request.creatorPid = getpid()
        request.bootID = bootID
        return request
    }

    /// Undoes `make` for a container that never got a shim. Blocks.
    private func discard(_ directory: RunDirectory) throws(ShimError) {
        do throws(Errno) { try TreeRemoval.remove(directory.path.string) } catch {
            throw ShimError(.removalFailed, container: directory.container, errno: error, "cannot remove \(directory.path)")
        }
    }

    /// As `discard`, also when the task is cancelled.
    func discardUncancelled(_ directory: RunDirectory) async {
        _ = await Task { try? await self.onThread { () throws(ShimError) in try self.discard(directory) } }.value
    }

    /// Runs a blocking body on the thread pool.
    func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ShimError) -> Value
    ) async throws(ShimError) -> Value {
        do {
            return try await threads.runIfActive { try body() }
        } catch let error as ShimError {
            throw error
        } catch is CancellationError {
            throw ShimError(.cancelled, "the task was cancelled")
        } catch {
            throw ShimError(.closed, "the engine has been shut down", cause: error)
        }
    }

    static func now() -> Int64 { KernelClock.realtime() }
}
