internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The spawner's role `unpacker`: one layer, one frame back (or two with a question between them), before it how far it has read; end.
///
/// - Parameter descriptors: result socket, blob, staging directory, directory of the finished layers, and for a blob that is still on its
///   way a pipe with its frontier.
/// - Returns: the exit status: 0 when a frame was sent, whatever it says.
@c(containerkit_role_unpacker)
public func unpackerRole(
    _ request: UnsafePointer<UInt8>?, _ size: Int, _ descriptors: UnsafePointer<CInt>?, _ count: CInt
) -> CInt {
    guard count == 4 || count == 5, let descriptors = unsafe descriptors, let request = unsafe request else { return 2 }
    let given = unsafe Array(UnsafeBufferPointer(start: descriptors, count: Int(count)))
    let bytes = unsafe Array(UnsafeBufferPointer(start: request, count: size))
    let outcome: UnpackOutcome
    do throws(FrameError) {
        let request = try UnpackRequest(decoding: bytes)
        Confinement.enter(staging: given[2], layers: given[3], limits: request.limits)
        outcome = unpackLayer(
            request, blob: given[1], frontier: given.count > 4 ? given[4] : nil, staging: given[2], layers: given[3], umask: 0,
            wasRead: { _ = send(.read($0), to: given[0]) },
            lower: { send(.written($0), to: given[0]) ? lowerLayers(from: given[0]) : nil })
    } catch {
        outcome = .failed(UnpackFailure(.badRequest))
    }
    return send(outcome, to: given[0]) ? 0 : 3
}

private func send(_ outcome: UnpackOutcome, to socket: CInt) -> Bool {
    let frame = outcome.encoded()
    return unsafe ck_send(socket, frame, frame.count, nil, 0, 0) == frame.count
}

/// Waits for the names of the layers below; nil when the host has closed its end.
private func lowerLayers(from socket: CInt) -> [String]? {
    // The role's caller keeps its own.
    let copy = ck_fcntl(socket, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0, let message = try? OwnedDescriptor(CInt(copy)).receive() else { return nil }
    return try? LowerLayers(decoding: message.bytes).names
}
