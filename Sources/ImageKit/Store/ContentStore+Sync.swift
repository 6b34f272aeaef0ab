internal import CLinux
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

extension ContentStore {
    /// Gives a verified file of `ingest` the name of its digest.
    ///
    /// With a marker that it has not been flushed, made before the rename, so a file system that keeps the order of its own journal never
    /// has the name without the marker.
    func publish(_ file: String, as digest: Digest) throws(ImageError) {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        do throws(Errno) {
            if durability == .perImage { try markUnsynced(digest) }
            try check(ck_renameat2(AT_FDCWD, file, AT_FDCWD, path(of: digest).string, 0))
        } catch { throw ImageErrorAdvice.error(error, .blob(digest), "it cannot be moved into the store") }
    }

    /// In one step: a reader that saw an empty marker would take the blob for one of an earlier boot.
    private func markUnsynced(_ digest: Digest) throws(Errno) {
        let new = path.appending("unsynced/.\(digest.hex.prefix(12)).\(UInt64.random(in: 0 ... .max))").string
        let marker = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do throws(Errno) {
            try marker.write(bootID)
            try check(ck_renameat2(AT_FDCWD, new, AT_FDCWD, markerPath(digest), 0))
        } catch {
            _ = ck_unlinkat(AT_FDCWD, new, 0)
            throw error
        }
    }

    func markerPath(_ digest: Digest) -> String { path.appending("unsynced/\(digest.hex)").string }

    /// Whether the blob was written before the last start of the machine and never flushed.
    func isSuspect(_ digest: Digest) -> Bool {
        guard durability == .perImage, let boot = try? Self.contents(of: FilePath(markerPath(digest))) else { return false }
        return String(decoding: boot, as: UTF8.self) != bootID
    }

    /// One flush of the file system, for all blobs of an image; nothing when all have been flushed.
    /// - Returns: the device number of the file system that was flushed.
    @discardableResult
    func sync(_ digests: [Digest]) throws(ImageError) -> UInt64? {
        guard durability == .perImage else { return nil }
        let markers = digests.map(markerPath)
        var status = stat()
        let present = markers.filter { ck_fstatat(AT_FDCWD, $0, &status, 0) == 0 }
        if present.isEmpty { return nil }
        do throws(Errno) {
            let directory = SharedDescriptor(
                try OwnedDescriptor.open(path.appending("unsynced").string, flags: O_RDONLY | O_DIRECTORY))
            try check(ck_fstat(directory.rawValue, &status))
            try DirectoryCalls.flushFileSystem(of: directory)
            for marker in present { _ = ck_unlinkat(AT_FDCWD, marker, 0) }
            // Else a marker could come back with a power failure, and cost a blob that is whole.
            try DirectoryCalls.flush(directory)
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the file system cannot be flushed") }
        return UInt64(status.st_dev)
    }
}
