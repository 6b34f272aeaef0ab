internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Unpacks one layer into an empty directory and verifies it. On a failure the directory holds a part, which the caller throws away.
///
/// - Parameters:
///   - blob: the layer's blob, read from its offset.
///   - staging: the empty directory that becomes the layer.
///   - layers: the directory in which `request.lower` are looked up.
///   - frontier: a pipe that tells how far a blob has come that is still on its way; nil when all of it is there.
///   - umask: bits the process's umask takes from new files; 0 in the role, which cleared it.
///   - wasRead: told how far a blob has been read that is still on its way.
///   - lower: asked for the layers below when the layer is written, needs them, and the request does not have them; waits for
///     them. Nil is the end: `.belowNeeded`.
package func unpackLayer(
    _ request: UnpackRequest, blob: CInt, frontier: CInt? = nil, staging: CInt, layers: CInt, umask: UInt32 = 0o777,
    wasRead: @escaping (UInt64) -> Void = { _ in }, lower: (UnpackReport) -> [String]? = { _ in nil }
) -> UnpackOutcome {
    do throws(UnpackFailure) { return .done(try unpack(request, blob, frontier, staging, layers, umask, wasRead, lower)) } catch {
        return .failed(error)
    }
}

private func unpack(
    _ request: UnpackRequest, _ blob: CInt, _ frontier: CInt?, _ staging: CInt, _ layers: CInt, _ umask: UInt32,
    _ wasRead: @escaping (UInt64) -> Void, _ lower: (UnpackReport) -> [String]?
) throws(UnpackFailure) -> UnpackReport {
    let start = microseconds()
    let root: SharedDescriptor
    var below: MergedTree?
    do throws(Errno) {
        root = SharedDescriptor(OwnedDescriptor(CInt(try check(ck_fcntl(staging, F_DUPFD_CLOEXEC, 3)))))
        if let names = request.lower { below = try MergedTree(names: names, in: layers) }
    } catch { throw .system(error) }
    let reader = try ArchiveReader(
        try LayerStream(
            blob: blob, frontier: frontier.map { BlobFrontier($0, wasRead: wasRead) }, compression: request.compression,
            limits: request.limits))
    let writer = try LayerWriter(root: root, below: below, limits: request.limits, umask: umask)
    while let entry = try reader.next() { try writer.write(entry, from: reader) }
    let end = try reader.finish()
    guard end.consumed == request.blobSize else { throw UnpackFailure(.wrongBlobSize) }
    guard end.digest == request.diffID else { throw UnpackFailure(.wrongDiffID, detail: end.digest) }
    writer.report.bytes = end.produced
    writer.report.microseconds = microseconds() - start
    if below == nil, writer.needsBelow {
        guard let names = lower(writer.report) else { throw UnpackFailure(.belowNeeded) }
        let tree: MergedTree
        do throws(Errno) { tree = try MergedTree(names: names, in: layers) } catch { throw .system(error) }
        try writer.settle(on: tree)
    }
    try writer.finish()
    return writer.report
}

private func microseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}
