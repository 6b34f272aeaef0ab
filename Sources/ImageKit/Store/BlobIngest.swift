internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import Synchronization
internal import SystemPackage

/// A blob on its way into the store: written and hashed as it comes, visible only when size and digest hold.
///
/// Hashed is what lies before the *frontier*; pieces of a large blob may be written beyond it and are hashed from the page cache once
/// the frontier comes there. Its calls block; but for writing beyond the frontier, one task uses it at a time.
final class BlobIngest: Sendable {
    let descriptor: Descriptor
    let file: SharedDescriptor
    private let store: ContentStore
    private let path: String
    private let isResumable: Bool
    private let follower: (any BlobFollower)?
    private let hash: Mutex<BlobHash>
    private let state: Mutex<State>

    private struct State {
        var frontier: Int64 = 0
        var isOver = false
    }

    /// What is shorter is not worth keeping when a download breaks.
    static let shortestKept: Int64 = 4 << 20

    /// A file of this ingest's own, gone when it does not finish.
    /// - Throws: `.storageFull`, `.permissionDenied`, `.storeUnusable`.
    convenience init(_ descriptor: Descriptor, into store: ContentStore) throws(ImageError) {
        let name = "tmp-\(descriptor.digest.hex.prefix(12))-\(UInt64.random(in: 0 ... .max))"
        // Nobody else knows the name; only who opens the store may take it for that of a dead program, and then it is made anew.
        while true {
            if let file = try Self.lockedFile(store, name, descriptor) {
                self.init(descriptor, store, file, name, isResumable: false, nil)
                return
            }
        }
    }

    /// The one file of this digest's downloads, with what an earlier one left in it.
    /// - Returns: nil while somebody else, in this program or another, is downloading it.
    static func resuming(_ descriptor: Descriptor, into store: ContentStore, follower: (any BlobFollower)? = nil) throws(ImageError)
        -> BlobIngest?
    {
        let name = "\(descriptor.digest.algorithm.rawValue)-\(descriptor.digest.hex)"
        guard let file = try lockedFile(store, name, descriptor) else { return nil }
        return BlobIngest(descriptor, store, file, name, isResumable: true, follower)
    }

    private init(
        _ descriptor: Descriptor, _ store: ContentStore, _ file: SharedDescriptor, _ name: String, isResumable: Bool,
        _ follower: (any BlobFollower)?
    ) {
        self.follower = follower
        self.descriptor = descriptor
        self.store = store
        self.file = file
        self.isResumable = isResumable
        path = store.path.appending("ingest/\(name)").string
        hash = Mutex(BlobHash(descriptor.digest.algorithm))
        state = Mutex(State())
        follower?.began(descriptor.digest, file: file.borrowed)
    }

    /// The file with a lock on it, and still under its name: whoever held the lock before may have made a blob of it, or removed it.
    private static func lockedFile(_ store: ContentStore, _ name: String, _ descriptor: Descriptor) throws(ImageError) -> SharedDescriptor?
    {
        let path = store.path.appending("ingest/\(name)").string
        do throws(Errno) {
            while true {
                let file = try OwnedDescriptor.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
                let number = file.rawValue
                do throws(Errno) { try retrying { ck_flock(number, LOCK_EX | LOCK_NB) } } catch {
                    if error == .wouldBlock { return nil }
                    throw error
                }
                var (own, named) = (stat(), stat())
                try check(ck_fstat(number, &own))
                if ck_fstatat(AT_FDCWD, path, &named, AT_SYMLINK_NOFOLLOW) == 0, own.st_ino == named.st_ino, own.st_dev == named.st_dev {
                    return SharedDescriptor(file)
                }
            }
        } catch { throw ImageErrorAdvice.error(error, .blob(descriptor.digest), "its download cannot be stored") }
    }

    deinit { if isResumable { keep() } else { discard() } }

    /// Removes what has come, unless the blob is already visible.
    func discard() {
        guard end() else { return }
        _ = ck_unlinkat(AT_FDCWD, path, 0)
        follower?.failed(descriptor.digest)
    }

    /// Ends the download, and keeps what is worth it for the next one.
    func keep() {
        guard end() else { return }
        defer { follower?.failed(descriptor.digest) }
        let frontier = state.withLock { $0.frontier }
        // Beyond the frontier there may be holes.
        if frontier < Self.shortestKept || ftruncate(file.rawValue, off_t(frontier)) != 0 { _ = ck_unlinkat(AT_FDCWD, path, 0) }
    }

    /// - Returns: whether it was not over yet.
    private func end() -> Bool {
        state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
    }

    /// Bytes hashed so far: the frontier.
    var size: Int64 { state.withLock { $0.frontier } }

    // MARK: what an earlier download left

    /// Hashes what lies in the file. It may be less than the file: a program that died may have left holes.
    /// - Parameter progress: bytes so far, each 8 MiB.
    func resume(_ progress: (Int64) -> Void = { _ in }) throws(ImageError) {
        var status = stat()
        guard ck_fstat(file.rawValue, &status) == 0, status.st_size > 0 else { return }
        var end = Int64(status.st_size)
        if end > descriptor.size { return try restart() }
        let hole = Int64(ck_lseek(file.rawValue, 0, 4))  // SEEK_HOLE
        // A hole begins at a block: of the last one before it, nobody knows how much had come.
        if hole >= 0, hole < end { end = Swift.max(0, hole - Swift.max(Int64(status.st_blksize), 1 << 16)) }
        while size < end {
            try advance(to: Swift.min(end, size + (8 << 20)))
            progress(size)
        }
    }

    /// Forgets what has come.
    func restart() throws(ImageError) {
        hash.withLock { $0 = BlobHash(descriptor.digest.algorithm) }
        state.withLock { $0.frontier = 0 }
        follower?.failed(descriptor.digest)
        if ftruncate(file.rawValue, 0) != 0 { throw failed(Errno(rawValue: errno)) }
        follower?.began(descriptor.digest, file: file.borrowed)
    }

    // MARK: writing

    /// At the frontier, which moves on.
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
        let start = size
        if start + Int64(bytes.count) > descriptor.size {
            throw ImageError(.oversizedBody, .blob(descriptor.digest), "more than the \(descriptor.size) bytes it should have came")
        }
        hash.withLock { $0.update(bytes) }
        try put(bytes, at: start)
        state.withLock { $0.frontier += Int64(bytes.count) }
        follower?.advanced(descriptor.digest, to: start + Int64(bytes.count))
    }

    /// Beyond the frontier, which stays. From any thread.
    func write(_ buffers: [ByteBuffer], at offset: Int64) throws(ImageError) {
        var offset = offset
        for buffer in buffers {
            var failure: ImageError?
            buffer.withUnsafeReadableBytes { bytes in
                do throws(ImageError) { try put(bytes, at: offset) } catch { failure = error }
            }
            if let failure { throw failure }
            offset += Int64(buffer.readableBytes)
        }
    }

    /// Moves the frontier over what has been written beyond it. From any thread; one at a time does the work.
    func advance(to end: Int64) throws(ImageError) {
        let failure: Errno? = hash.withLock { hash in
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            while size < end {
                let start = size
                let wanted = Int(min(Int64(buffer.count), end - start))
                let count = pread(file.rawValue, &buffer, wanted, off_t(start))
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return count == 0 ? .ioError : Errno(rawValue: errno) }
                buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                state.withLock { $0.frontier += Int64(count) }
                // Under the lock: in order.
                follower?.advanced(descriptor.digest, to: start + Int64(count))
            }
            return nil
        }
        if let failure { throw ImageErrorAdvice.error(failure, .blob(descriptor.digest), "what was written of it cannot be read") }
    }

    private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(ImageError) {
        var rest = bytes
        var offset = offset
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = pwrite(file.rawValue, base, rest.count, off_t(offset))
            if count < 0 {
                if errno == EINTR { continue }
                throw failed(Errno(rawValue: errno))
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            offset += Int64(count)
        }
    }

    private func failed(_ errno: Errno) -> ImageError { ImageErrorAdvice.error(errno, .blob(descriptor.digest), "it cannot be written") }

    /// Checks size and digest and makes the blob visible.
    /// - Throws: `.shortBody`, `.digestMismatch`.
    func finish() throws(ImageError) {
        let (size, digest) = (size, hash.withLock { $0.digest })
        guard size == descriptor.size else {
            throw ImageError(.shortBody, .blob(descriptor.digest), "it ended after \(size) of \(descriptor.size) bytes")
        }
        guard digest == descriptor.digest else {
            throw ImageError(
                .digestMismatch, .blob(descriptor.digest), "what came has the digest \(digest.map(\.description) ?? "unknown")")
        }
        try store.publish(path, as: descriptor.digest)
        state.withLock { $0.isOver = true }
        follower?.verified(descriptor.digest)
    }
}
