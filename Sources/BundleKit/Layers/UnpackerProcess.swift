internal import BundleChild
internal import Glibc
internal import LinuxSystem
internal import SpawnKit
internal import SystemPackage

/// A process of the role `unpacker`, with the socket on which it answers.
final class UnpackerProcess: Sendable {
    private let process: RoleProcess
    private let socket: SharedDescriptor
    private let layer: LayerDescription
    private let arriving: ArrivingBlob?

    private init(_ process: RoleProcess, _ socket: SharedDescriptor, _ layer: LayerDescription, _ arriving: ArrivingBlob?) {
        self.process = process
        self.socket = socket
        self.layer = layer
        self.arriving = arriving
    }

    static func start(
        _ request: UnpackRequest, _ layer: LayerDescription, blob: SharedDescriptor, arriving: ArrivingBlob?,
        staging: SharedDescriptor, finished: SharedDescriptor, by spawner: Spawner
    ) async throws(BundleError) -> UnpackerProcess {
        let subject = BundleError.Subject.layer(layer.digest, entry: nil)
        do {
            let pair = try SocketPair()
            let near = SharedDescriptor(try pair.near.duplicate())
            let far = SharedDescriptor(try pair.far.duplicate())
            var descriptors = [far, blob, staging, finished]
            if let arriving { descriptors.append(arriving.frontier) }
            return UnpackerProcess(
                try await spawner.spawn(.unpacker, request: request.encoded(), descriptors: descriptors), near, layer, arriving)
        } catch let error as SpawnError {
            throw BundleError(.unpackerFailed, subject, errno: error.errno, cause: error, error.description)
        } catch {
            throw BundleError(.unpackerFailed, subject, cause: error, "Sockets could not be made: \(error).")
        }
    }

    /// Ends the process, at any point.
    func end() { _ = try? process.descriptor.duplicate().sendSignal(SIGKILL) }

    /// Waits for the next answer; nil when the process ended without one. The task's cancellation ends the process.
    func next() async -> UnpackOutcome? {
        await withTaskCancellationHandler {
            await receive()
        } onCancel: {
            end()
        }
    }

    private func receive() async -> UnpackOutcome? {
        let socket = socket
        let arriving = arriving
        let body: @Sendable () throws(BundleError) -> UnpackOutcome? = {
            // A second descriptor: the socket stays this object's.
            guard let copy = try? socket.duplicate() else { return nil }
            while let message = try? copy.receive(), let outcome = try? UnpackOutcome(decoding: message.bytes) {
                guard case .read(let offset) = outcome else { return outcome }
                arriving?.wasRead(to: Int64(clamping: offset))
            }
            return nil
        }
        do throws(BundleError) { return try await BlockingWork.run(body) } catch { return nil }
    }

    /// Tells the process what lies below the layer it has written.
    func settle(on lower: [LayerKey]) throws(BundleError) {
        do throws(Errno) {
            try socket.duplicate().send(LowerLayers(lower.map(\.hex)).encoded(), nonBlocking: true)
        } catch {
            throw BundleError(
                .unpackerFailed, .layer(layer.digest, entry: nil), errno: error, "The unpacker does not listen any more.")
        }
    }

    /// Waits until the process is gone, also in a cancelled task: not before may its staging directory be removed.
    func wait() async -> RoleExit { (try? await Task.detached { [process] in try await process.wait() }.value) ?? .lost }
}
