internal import CLinux
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// Keeps blobs that no name leads to yet: those of a pull that runs, of an image that is being built.
///
/// A file `leases/<random>` with a digest on each line, locked as long as its holder lives. Whoever can take the lock knows that the
/// holder is dead; no process ids, no clocks. It ends with its last reference at the latest.
public final class ContentLease: Sendable {
    private let path: FilePath
    private let file: SharedDescriptor

    /// Blocks.
    /// - Throws: `.storageFull`, `.permissionDenied`, `.storeUnusable`.
    init(in store: ContentStore) throws(ImageError) {
        do throws(Errno) {
            while true {
                let path = store.path.appending("leases/\(String(UInt64.random(in: 0 ... .max), radix: 16))")
                let file: OwnedDescriptor
                do throws(Errno) {
                    file = try OwnedDescriptor.open(path.string, flags: O_RDWR | O_CREAT | O_EXCL | O_APPEND, mode: 0o600)
                } catch {
                    if error == .fileExists { continue }
                    throw error
                }
                // A collector may have taken it for dead before it was locked.
                var status = stat()
                guard ck_flock(file.rawValue, LOCK_EX | LOCK_NB) == 0, ck_fstat(file.rawValue, &status) == 0, status.st_nlink > 0 else {
                    continue
                }
                self.path = path
                self.file = SharedDescriptor(file)
                return
            }
        } catch { throw ImageErrorAdvice.error(error, .path(store.path), "a lease cannot be made") }
    }

    /// Keeps blobs from now on, those too that are not there yet. Under the store's lock. Blocks.
    func hold(_ digests: [Digest]) throws(ImageError) {
        do throws(Errno) {
            try file.withDescriptor { file throws(Errno) in try file.write(digests.map { "\($0)\n" }.joined()) }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "a lease cannot be written") }
    }

    /// Keeps nothing from now on. Not left to the last reference: a closure that has run on another thread may hold one a moment longer.
    func end() {
        _ = ck_unlinkat(AT_FDCWD, path.string, 0)
        _ = ck_flock(file.rawValue, LOCK_UN)
    }

    deinit { end() }

    /// What the living leases of a store hold; dead ones are removed. Under the store's lock.
    static func all(in store: ContentStore) throws(Errno) -> Set<Digest> {
        var held: Set<Digest> = []
        let directory = try OwnedDescriptor.open(store.path.appending("leases").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            let path = store.path.appending("leases/\(String(decoding: name, as: UTF8.self))")
            guard let lease = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW) else { return }
            if ck_flock(lease.rawValue, LOCK_EX | LOCK_NB) == 0 {
                _ = ck_unlinkat(AT_FDCWD, path.string, 0)
                return
            }
            let text = String(decoding: try lease.readAll(limit: 64 << 20), as: UTF8.self)
            held.formUnion(text.split(separator: "\n").compactMap { try? Digest(String($0)) })
        }
        return held
    }
}

extension ContentStore {
    /// A lease that keeps nothing yet.
    func lease() throws(ImageError) -> ContentLease { try ContentLease(in: self) }

    /// Whether the store has the blob; there or not, the lease keeps it from now on.
    func claim(_ digest: Digest, for lease: ContentLease) throws(ImageError) -> Bool {
        // Not while garbage is collected, which has read the leases already.
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        try lease.hold([digest])
        return contains(digest, isLocked: true)
    }
}
