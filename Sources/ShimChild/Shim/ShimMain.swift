internal import CLinux
internal import LinuxSystem

/// What the host compares with its own version: an executable of its own may be older or newer than the program.
@c(containerkit_shim_frames)
public func shimFrames() -> UInt32 { ShimRequest.version }

/// The role `shim`: called by the spawner in a fork, as process 1 of a pid namespace of its own.
/// - Returns: the exit status: 0 when the container was supervised to its end, 64 and 65 for a request that makes no
///   sense.
@c(containerkit_role_shim)
public func shimRole(
    _ request: UnsafePointer<UInt8>?, _ size: Int, _ descriptors: UnsafePointer<CInt>?, _ count: CInt
) -> CInt {
    let list = DescriptorList(unsafe Array(UnsafeBufferPointer(start: descriptors, count: Int(count))))
    do throws(UnusableRequest) {
        let bytes = unsafe UnsafeBufferPointer(start: request, count: size)
        return try unsafe makeShim(bytes, list).run()
    } catch { return error.status }
}

private struct UnusableRequest: Error { let status: CInt }

/// A frame of its own: the request in its other forms is gone when the shim begins.
@inline(never)
private func makeShim(
    _ request: UnsafeBufferPointer<UInt8>, _ descriptors: consuming DescriptorList
) throws(UnusableRequest) -> Shim {
    var descriptors = descriptors
    guard let connection = descriptors.take(), let host = descriptors.take(), let lock = descriptors.take() else {
        throw UnusableRequest(status: 64)
    }
    let decoded: ShimRequest
    do throws(FrameError) { decoded = try ShimRequest(decoding: unsafe Array(request)) } catch { throw UnusableRequest(status: 65) }
    unsafe request.deallocate()
    _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-shim:\(decoded.containerID)")
    return Shim(decoded, creator: connection, host: host, lock: lock, streams: descriptors)
}
