internal import CLinux
internal import LinuxSystem

/// The role `shim`: called by the spawner in a fork, as process 1 of a pid namespace of its own.
/// - Returns: the exit status: 0 when the container was supervised to its end, 64 and 65 for a request that makes no
///   sense.
@c(containerkit_role_shim)
public func shimRole(
    _ request: UnsafePointer<UInt8>?, _ size: Int, _ descriptors: UnsafePointer<CInt>?, _ count: CInt
) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: request, count: size))
    var descriptors = DescriptorList(unsafe Array(UnsafeBufferPointer(start: descriptors, count: Int(count))))
    guard let connection = descriptors.take(), let host = descriptors.take(), let lock = descriptors.take() else { return 64 }
    let decoded: ShimRequest
    do { decoded = try ShimRequest(decoding: bytes) } catch { return 65 }
    _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-shim:\(decoded.containerID)")
    let shim = Shim(decoded, creator: connection, host: host, lock: lock, streams: descriptors)
    return shim.run()
}
