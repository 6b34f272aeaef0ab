internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Unpacks one layer into an empty directory and verifies it. On a failure the directory holds a part, which the caller throws away.
///
/// - Parameters:
///   - blob: the layer's blob, read from its offset.
///   - staging: the empty directory that becomes the layer.
///   - layers: the directory in which `request.lower` are looked up.
///   - umask: bits the process's umask takes from new files; 0 in the role, which cleared it.
package func unpackLayer(
    _ request: UnpackRequest, blob: CInt, staging: CInt, layers: CInt, umask: UInt32 = 0o777
) -> UnpackOutcome {
    do throws(UnpackFailure) { return .done(try unpack(request, blob, staging, layers, umask)) } catch { return .failed(error) }
}

private func unpack(
    _ request: UnpackRequest, _ blob: CInt, _ staging: CInt, _ layers: CInt, _ umask: UInt32
) throws(UnpackFailure) -> UnpackReport {
    let start = microseconds()
    let root: SharedDescriptor
    var below: MergedTree?
    do throws(Errno) {
        root = SharedDescriptor(OwnedDescriptor(CInt(try check(ck_fcntl(staging, F_DUPFD_CLOEXEC, 3)))))
        if let names = request.lower { below = try MergedTree(names: names, in: layers) }
    } catch { throw .system(error) }
    let reader = try ArchiveReader(
        try LayerStream(blob: blob, compression: request.compression, limits: request.limits))
    let writer = try LayerWriter(root: root, below: below, limits: request.limits, umask: umask)
    while let entry = try reader.next() { try writer.write(entry, from: reader) }
    let end = try reader.finish()
    guard end.consumed == request.blobSize else { throw UnpackFailure(.wrongBlobSize) }
    guard end.digest == request.diffID else { throw UnpackFailure(.wrongDiffID, detail: end.digest) }
    try writer.finish()
    var report = writer.report
    report.bytes = end.produced
    report.microseconds = microseconds() - start
    return report
}

private func microseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}
