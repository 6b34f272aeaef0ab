internal import CLinux
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

extension ContentStore {
    /// A marker that the blob has not been flushed. Made before the rename, so a file system that keeps the order of its
    /// own journal never has the name without the marker.
    func markUnsynced(_ digest: Digest) throws(Errno) {
        guard durability == .perImage else { return }
        let marker = try OwnedDescriptor.open(
            path.appending("unsynced/\(digest.hex)").string, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try marker.write(bootID)
    }

    /// One flush of the file system, for all blobs of an image; nothing when all have been flushed.
    func sync(_ digests: [Digest]) throws(ImageError) {
        guard durability == .perImage else { return }
        let markers = digests.map { path.appending("unsynced/\($0.hex)").string }
        var status = stat()
        let present = markers.filter { ck_fstatat(AT_FDCWD, $0, &status, 0) == 0 }
        if present.isEmpty { return }
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)
            try check(ck_syncfs(directory.rawValue))
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the file system cannot be flushed") }
        for marker in present { _ = ck_unlinkat(AT_FDCWD, marker, 0) }
    }
}
