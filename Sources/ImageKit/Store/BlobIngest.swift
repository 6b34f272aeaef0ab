internal import CLinux
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import Synchronization
internal import SystemPackage

/// A blob on its way into the store: written and hashed as it comes, visible only when size and digest hold.
///
/// One task uses it at a time; its calls block.
final class BlobIngest: Sendable {
    private let store: ContentStore
    private let descriptor: Descriptor
    private let file: OwnedDescriptor
    private let path: String
    private let follower: (any BlobFollower)?
    private let state: Mutex<State>

    private struct State {
        var hash: BlobHash
        var size: Int64 = 0
        var isOver = false
    }

    /// - Throws: `.storageFull`, `.permissionDenied`, `.storeUnusable`.
    init(_ descriptor: Descriptor, into store: ContentStore, follower: (any BlobFollower)? = nil) throws(ImageError) {
        self.store = store
        self.descriptor = descriptor
        self.follower = follower
        path = store.path.appending("ingest/\(descriptor.digest.hex.prefix(12))-\(UInt64.random(in: 0 ... .max))").string
        state = Mutex(State(hash: BlobHash(descriptor.digest.algorithm)))
        do throws(Errno) { file = try Self.lockedFile(path) } catch {
            throw ImageErrorAdvice.error(error, .blob(descriptor.digest), "its download cannot be stored")
        }
        follower?.began(descriptor.digest, file: file.borrowed)
    }

    /// A new file with a lock on it. Between the two, somebody who opens the store may take it for that of a dead program
    /// and lock or remove it: then once more.
    private static func lockedFile(_ path: String) throws(Errno) -> OwnedDescriptor {
        while true {
            let file = try OwnedDescriptor.open(path, flags: O_RDWR | O_CREAT, mode: 0o600)
            let descriptor = file.rawValue
            try retrying { ck_flock(descriptor, LOCK_EX) }
            var status = stat()
            if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return file }
        }
    }

    deinit { discard() }

    /// Removes what has come, unless the blob is already visible.
    func discard() {
        let wasOver = state.withLock { state in
            defer { state.isOver = true }
            return state.isOver
        }
        if wasOver { return }
        _ = ck_unlinkat(AT_FDCWD, path, 0)
        follower?.failed(descriptor.digest)
    }

    /// Bytes so far.
    var size: Int64 { state.withLock { $0.size } }

    /// - Throws: `.oversizedBody` with the first byte too many; what writing throws.
    func write(_ buffers: [ByteBuffer]) throws(ImageError) {
        for buffer in buffers {
            var failure: ImageError?
            buffer.withUnsafeReadableBytes { bytes in
                do throws(ImageError) { try write(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        let isTooLarge = state.withLock { state in
            state.size += Int64(bytes.count)
            state.hash.update(bytes)
            return state.size > descriptor.size
        }
        if isTooLarge {
            throw ImageError(.oversizedBody, .blob(descriptor.digest), "more than the \(descriptor.size) bytes it should have came")
        }
        do throws(Errno) { try file.writeAll(bytes) } catch {
            throw ImageErrorAdvice.error(error, .blob(descriptor.digest), "it cannot be written")
        }
        follower?.advanced(descriptor.digest, to: size)
    }

    /// Checks size and digest and makes the blob visible.
    /// - Throws: `.shortBody`, `.digestMismatch`.
    func finish() throws(ImageError) {
        let (size, digest) = state.withLock { ($0.size, $0.hash.digest) }
        guard size == descriptor.size else {
            throw ImageError(.shortBody, .blob(descriptor.digest), "it ended after \(size) of \(descriptor.size) bytes")
        }
        guard digest == descriptor.digest else {
            throw ImageError(
                .digestMismatch, .blob(descriptor.digest), "what came has the digest \(digest.map(\.description) ?? "unknown")")
        }
        do throws(Errno) {
            try store.markUnsynced(descriptor.digest)
            try check(ck_renameat2(AT_FDCWD, path, AT_FDCWD, store.path(of: descriptor.digest).string, 0))
            state.withLock { $0.isOver = true }
        } catch { throw ImageErrorAdvice.error(error, .blob(descriptor.digest), "it cannot be moved into the store") }
        follower?.verified(descriptor.digest)
    }
}
