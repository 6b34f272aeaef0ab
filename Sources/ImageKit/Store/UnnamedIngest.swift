internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// A blob that is being made: its digest is known at the end. One task uses it; its calls block.
final class UnnamedIngest {
    private let store: ContentStore
    private let path: String
    private let file: SharedDescriptor
    private var hash = BlobHash(.sha256)
    private var size: Int64 = 0
    private var isOver = false

    init(in store: ContentStore) throws(ImageError) {
        self.store = store
        do throws(Errno) {
            while true {
                let path = store.path.appending("ingest/tmp-new-\(UInt64.random(in: 0 ... .max))").string
                let file = try OwnedDescriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
                var status = stat()
                // Who opens the store may have taken it for that of a dead program before it was locked.
                if ck_flock(file.rawValue, LOCK_EX | LOCK_NB) == 0, ck_fstat(file.rawValue, &status) == 0, status.st_nlink > 0 {
                    self.path = path
                    self.file = SharedDescriptor(file)
                    return
                }
            }
        } catch { throw ImageErrorAdvice.error(error, .path(store.path), "a blob cannot be made") }
    }

    deinit { if !isOver { _ = ck_unlinkat(AT_FDCWD, path, 0) } }

    func write(_ bytes: [UInt8]) throws(ImageError) {
        var failure: Errno?
        bytes.withUnsafeBytes { bytes in
            hash.update(bytes)
            do throws(Errno) { try file.withDescriptor { file throws(Errno) in try file.writeAll(bytes) } } catch { failure = error }
        }
        if let failure { throw ImageErrorAdvice.error(failure, .path(store.path), "a blob cannot be written") }
        size += Int64(bytes.count)
    }

    /// Gives it the name of its digest.
    func finish(_ type: MediaType, for lease: ContentLease) throws(ImageError) -> Descriptor {
        guard let digest = hash.digest else { throw ImageError(.storeUnusable, .path(store.path), "a blob cannot be hashed") }
        if try store.claim(digest, for: lease) {
            _ = ck_unlinkat(AT_FDCWD, path, 0)
        } else {
            try store.publish(path, as: digest)
        }
        isOver = true
        return Descriptor(mediaType: type, digest: digest, size: size)
    }
}
