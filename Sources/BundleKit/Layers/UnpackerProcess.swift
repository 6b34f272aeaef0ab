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

    private init(_ process: RoleProcess, _ socket: SharedDescriptor, _ layer: LayerDescription) {
        self.process = process
        self.socket = socket
        self.layer = layer
    }

    static func start(
        _ request: UnpackRequest, _ layer: LayerDescription, blob: SharedDescriptor, frontier: SharedDescriptor?,
        staging: SharedDescriptor, finished: SharedDescriptor, by spawner: Spawner
    ) async throws(BundleError) -> UnpackerProcess {
        let subject = BundleError.Subject.layer(layer.digest, entry: nil)
        do {
            let pair = try SocketPair()
            let near = SharedDescriptor(try pair.near.duplicate())
            let far = SharedDescriptor(try pair.far.duplicate())
            var descriptors = [far, blob, staging, finished]
            if let frontier { descriptors.append(frontier) }
            return UnpackerProcess(
                try await spawner.spawn(.unpacker, request: request.encoded(), descriptors: descriptors), near, layer)
        } catch let error as SpawnError {
            throw BundleError(.unpackerFailed, subject, errno: error.errno, cause: error, error.description)
        } catch {
            throw BundleError(.unpackerFailed, subject, cause: error, "Sockets could not be made: \(error).")
        }
    }

    /// Ends the process, at any point.
    func end() { _ = try? process.descriptor.duplicate().sendSignal(SIGKILL) }

    /// Waits for the next frame; nil when the process ended without one. The task's cancellation ends the process.
    func next() async -> UnpackOutcome? {
        let bytes: [UInt8]? = await withTaskCancellationHandler {
            await receive()
        } onCancel: {
            end()
        }
        guard let bytes else { return nil }
        return try? UnpackOutcome(decoding: bytes)
    }

    private func receive() async -> [UInt8]? {
        let socket = socket
        let body: @Sendable () throws(BundleError) -> [UInt8]? = {
            // A second descriptor: the socket stays this object's.
            guard let copy = try? socket.duplicate(), let message = try? copy.receive() else { return nil }
            return message.bytes
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
