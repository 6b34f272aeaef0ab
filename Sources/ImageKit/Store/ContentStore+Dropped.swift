internal import CLinux
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

extension ContentStore {
    /// Removes the blobs of an image's layers, which are unpacked elsewhere. The image stays, by its names, its manifest and its
    /// configuration: a pull does not bring the layers anew. It cannot be pushed, copied or saved then, and other programs cannot read it
    /// in the store. Blocks.
    ///
    /// - Parameter image: an image of this store. What a pull or a build that runs needs is left alone.
    /// - Returns: the bytes that were freed.
    @discardableResult
    public func dropLayers(of image: Image) throws(ImageError) -> ByteCount {
        let freed = try moveLayers(of: image)
        do throws(Errno) { try emptyTrash() } catch { throw ImageErrorAdvice.error(error, .path(path), "blobs cannot be removed") }
        return .bytes(freed)
    }

    /// Takes `dropLayers` back as far as the next pull of the image brings what is missing. Blocks.
    public func restoreLayers(of image: Image) throws(ImageError) {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        for layer in image.manifest.layers { _ = ck_unlinkat(AT_FDCWD, droppedPath(layer.digest), 0) }
    }

    /// Whether the blob was dropped, and is not there.
    package func isDropped(_ digest: Digest) -> Bool { hasDropMark(digest) && !contains(digest) }

    /// Whether the blob is there, or was dropped on purpose.
    func isThere(_ digest: Digest, isLocked: Bool = false) -> Bool { contains(digest, isLocked: isLocked) || hasDropMark(digest) }

    private func moveLayers(of image: Image) throws(ImageError) -> Int64 {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        var freed: Int64 = 0
        do throws(Errno) {
            let held = try ContentLease.all(in: self)
            for layer in image.manifest.layers where !held.contains(layer.digest) && contains(layer.digest, isLocked: true) {
                // The mark first: a layer without both would be one that was lost.
                _ = try OwnedDescriptor.open(droppedPath(layer.digest), flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
                try moveToTrash(layer.digest)
                freed += layer.size
            }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "blobs cannot be removed") }
        return freed
    }

    /// Under the store's lock: marks of what nobody needs, or what is there again.
    func forgetDropped(exceptIn live: Set<Digest>) throws(Errno) {
        let kept = Set(live.filter { !contains($0, isLocked: true) }.map(\.hex))
        let directory = try OwnedDescriptor.open(path.appending("dropped").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            let name = String(decoding: name, as: UTF8.self)
            if !kept.contains(name) { _ = ck_unlinkat(directory.rawValue, name, 0) }
        }
    }

    private func droppedPath(_ digest: Digest) -> String { path.appending("dropped/\(digest.hex)").string }

    private func hasDropMark(_ digest: Digest) -> Bool {
        var status = stat()
        return ck_fstatat(AT_FDCWD, droppedPath(digest), &status, AT_SYMLINK_NOFOLLOW) == 0
    }
}
