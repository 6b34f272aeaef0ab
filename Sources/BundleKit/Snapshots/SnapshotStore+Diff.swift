internal import BundleChild
internal import Crypto
internal import Glibc
internal import LinuxSystem
public import OCIModel
public import SystemPackage

/// The archive of what a snapshot changed.
public struct SnapshotDiff: Sendable, Hashable {
    /// Digest of the archive without compression: the layer's diff ID.
    public var diffID: OCIModel.Digest
    /// Bytes of the archive.
    public var size: ByteCount
}

extension SnapshotStore {
    /// Writes what was changed in a snapshot as a layer's archive, uncompressed, the same bytes for the same tree. Nobody may write to the
    /// snapshot meanwhile: its container is stopped, or paused.
    ///
    /// - Parameters:
    ///   - snapshot: a writable one.
    ///   - file: open for writing; the archive begins at its offset.
    /// - Throws: `.storage`; `.unfitTree` for a name that means something else in a layer (`.wh.…`), `.invalidOption` for a view.
    public func diff(_ snapshot: Snapshot, to file: FileDescriptor) async throws(BundleError) -> SnapshotDiff {
        guard let changes = snapshot.changes else {
            throw BundleError(.invalidOption, .option("snapshot"), "A view has no changes.")
        }
        let (hex, size) = try await BlockingWork.run { () throws(BundleError) in
            var form = LayerDiff.Form.upper
            if case .directory = snapshot.root {
                var opened: [SharedDescriptor] = []
                for layer in snapshot.lower {
                    do throws(Errno) { opened.append(SharedDescriptor(try OwnedDescriptor.open(layer.string, flags: O_DIRECTORY))) } catch {
                        throw .storage(error, layer)
                    }
                }
                form = .copy(of: MergedTree(opened))
            }
            var hash = SHA256()
            var size: Int64 = 0
            try LayerDiff(form, of: changes).write { bytes throws(BundleError) in
                hash.update(data: bytes)
                size += Int64(bytes.count)
                do { _ = try file.writeAll(bytes) } catch {
                    throw BundleError(
                        .storage, .path(changes), errno: error as? Errno, cause: error, "The archive could not be written: \(error).")
                }
            }
            return (BundleError.hex(Array(hash.finalize())), size)
        }
        do throws(OCIModel.Digest.ParseError) {
            return SnapshotDiff(diffID: try OCIModel.Digest("sha256:" + hex), size: .bytes(size))
        } catch {
            throw BundleError(.storage, .path(changes), cause: error, "Its digest is none.")
        }
    }

    /// Makes a layer of what was changed in a snapshot, on top of the image it was made over.
    ///
    /// - Parameters:
    ///   - snapshot: a writable one, prepared over the layers of `image`; it stays as it is.
    ///   - image: what it was made over.
    ///   - unpacker: of the store that holds the image's layers.
    ///   - file: open for reading and writing, empty; gets the layer's archive, uncompressed: the blob of the new layer.
    /// - Returns: the image with one more layer, all of them finished.
    /// - Throws: as `diff(_:to:)` and `Unpacker.unpack(_:from:progress:)`.
    public func commit(
        _ snapshot: Snapshot, on image: UnpackedImage, by unpacker: Unpacker, archive file: FileDescriptor
    ) async throws(BundleError) -> UnpackedImage {
        let diff = try await diff(snapshot, to: file)
        let layer = LayerDescription(
            mediaType: "application/vnd.oci.image.layer.v1.tar", digest: diff.diffID.description, size: UInt64(diff.size.rawValue),
            diffID: diff.diffID.description)
        return try await unpacker.unpack(image.layers.map(\.description) + [layer], from: OneArchive(digest: layer.digest, file: file))
    }
}

/// The blob of a layer that was just written.
private struct OneArchive: LayerSource {
    var digest: String
    var file: FileDescriptor

    func openLayer(_ layer: LayerDescription) async throws -> SharedDescriptor {
        guard layer.digest == digest else {
            throw BundleError(.source, .layer(layer.digest, entry: nil), "It was removed meanwhile: unpack its image again.")
        }
        return SharedDescriptor(try OwnedDescriptor.open("/proc/self/fd/\(file.rawValue)", flags: O_RDONLY))
    }
}
