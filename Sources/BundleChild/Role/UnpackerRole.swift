internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The spawner's role `unpacker`: one layer, one frame back, end.
///
/// - Parameter descriptors: result socket, blob, staging directory, directory of the finished layers.
/// - Returns: the exit status: 0 when a frame was sent, whatever it says.
@c(containerkit_role_unpacker)
public func unpackerRole(
    _ request: UnsafePointer<UInt8>?, _ size: Int, _ descriptors: UnsafePointer<CInt>?, _ count: CInt
) -> CInt {
    guard count == 4, let descriptors = unsafe descriptors, let request = unsafe request else { return 2 }
    let given = unsafe Array(UnsafeBufferPointer(start: descriptors, count: 4))
    let bytes = unsafe Array(UnsafeBufferPointer(start: request, count: size))
    let outcome: UnpackOutcome
    do throws(FrameError) {
        let request = try UnpackRequest(decoding: bytes)
        Confinement.enter(staging: given[2], layers: given[3])
        outcome = unpackLayer(request, blob: given[1], staging: given[2], layers: given[3], umask: 0)
    } catch {
        outcome = .failed(UnpackFailure(.badRequest))
    }
    let frame = outcome.encoded()
    return unsafe ck_send(given[0], frame, frame.count, nil, 0, 0) == frame.count ? 0 : 3
}
