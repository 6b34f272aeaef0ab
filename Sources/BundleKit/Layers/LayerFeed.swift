internal import LinuxSystem
public import OCIModel
internal import Synchronization
public import SystemPackage

/// What an unpacker knows of blobs that a pull is bringing: given to the pull as its follower, and to
/// `Unpacker.unpack(following:from:progress:)`.
///
/// A layer's process reads the file into which its blob is downloaded, behind the blob's frontier, of which it hears through a pipe, and
/// says how far it has come.
public final class LayerFeed: BlobFollower, Sendable {
    /// Bytes that downloads of this process may be ahead of their unpackers, together.
    public static let budget: Int64 = 32 << 20

    enum Arrival: Sendable {
        /// On its way.
        case arriving(ArrivingBlob)
        /// In the store.
        case verified
        /// It will not come.
        case abandoned
    }

    private enum Wish { case first, whole }

    private struct Blob {
        var current: ArrivingBlob?
        /// An unpacker has it; a second one waits for the whole blob.
        var isTaken = false
        var isVerified = false
        var waiters = WaitList<Wish, Arrival>()
    }

    private struct State {
        var image: (ImageManifest, ImageConfiguration)?
        var isOver = false
        var imageWaiters = WaitList<Void, (ImageManifest, ImageConfiguration)>()
        var blobs: [Digest: Blob] = [:]
        /// Somebody makes layers of the blobs, and has not finished.
        var isAtWork = false
        var workWaiters = WaitList<Void, Void>()
        /// Set once the pull has flushed, or needs not.
        var flush: Flush?
        var flushWaiters = WaitList<Void, Flush>()
    }

    private struct Flush { var fileSystem: UInt64? }

    private let state = Mutex(State())

    public init() {}

    // MARK: from the pull

    public func resolved(_ manifest: ImageManifest, _ configuration: ImageConfiguration) {
        let waiters = state.withLock { state in
            if !state.imageWaiters.isEmpty { state.isAtWork = true }
            state.image = (manifest, configuration)
            return state.imageWaiters.takeAll()
        }
        for waiter in waiters { waiter.continuation.resume(returning: (manifest, configuration)) }
    }

    public func began(_ blob: Digest, file: FileDescriptor) {
        // What cannot be followed is unpacked from the store.
        guard let arriving = try? ArrivingBlob(file) else { return }
        let waiter = state.withLock { state -> CheckedContinuation<Arrival?, Never>? in
            state.blobs[blob, default: Blob()].current?.abandon()
            state.blobs[blob, default: Blob()].current = arriving
            state.blobs[blob]?.isTaken = false
            guard let waiter = state.blobs[blob]?.waiters.takeFirst(where: { $0 == .first }) else { return nil }
            state.blobs[blob]?.isTaken = true
            return waiter
        }
        waiter?.resume(returning: .arriving(arriving))
    }

    public func advanced(_ blob: Digest, to offset: Int64) {
        state.withLock { $0.blobs[blob]?.current }?.advance(to: offset)
    }

    public func verified(_ blob: Digest) {
        let (current, waiters) = state.withLock { state in
            state.blobs[blob, default: Blob()].isVerified = true
            return (state.blobs[blob]?.current, state.blobs[blob]?.waiters.takeAll() ?? [])
        }
        current?.complete()
        for waiter in waiters { waiter.continuation.resume(returning: .verified) }
    }

    public func failed(_ blob: Digest) {
        let current = state.withLock { state in
            defer { state.blobs[blob]?.current = nil }
            return state.blobs[blob]?.current
        }
        current?.abandon()
    }

    public func room() async throws {
        try await ReadingBudget.shared.room()
    }

    public func settled() async throws {
        let done: Void? = await waitCancellably { number, continuation in
            let isDone = state.withLock { state in
                if !state.isAtWork { return true }
                state.workWaiters.add(number, (), continuation)
                return false
            }
            if isDone { continuation.resume(returning: ()) }
        } leave: { [self] number in
            state.withLock { $0.workWaiters.leave(number) }
        }
        if done == nil { throw CancellationError() }
    }

    public func flushed(_ fileSystem: UInt64?) {
        let waiters = state.withLock { state in
            state.flush = Flush(fileSystem: fileSystem)
            return state.flushWaiters.takeAll()
        }
        for waiter in waiters { waiter.continuation.resume(returning: Flush(fileSystem: fileSystem)) }
    }

    /// The pull has ended. What has not come will not come.
    public func end() {
        flushed(nil)
        let (imageWaiters, void, waiters) = state.withLock { state in
            state.isOver = true
            let void = state.blobs.values.filter { !$0.isVerified }.compactMap(\.current)
            let waiters = state.blobs.keys.flatMap { state.blobs[$0]?.waiters.takeAll() ?? [] }
            return (state.imageWaiters.takeAll(), void, waiters)
        }
        for waiter in imageWaiters { waiter.continuation.resume(returning: nil) }
        for blob in void { blob.abandon() }
        for waiter in waiters { waiter.continuation.resume(returning: .abandoned) }
    }

    // MARK: to the unpacker

    /// All layers are written, or will not be.
    func finishedWork() {
        let waiters = state.withLock { state in
            state.isAtWork = false
            return state.workWaiters.takeAll()
        }
        for waiter in waiters { waiter.continuation.resume(returning: ()) }
    }

    /// Waits until the pull has flushed, or does not.
    /// - Returns: the device number of the file system; nil when nothing was flushed, or the task is cancelled.
    func flush() async -> UInt64? {
        let flush: Flush? = await waitCancellably { number, continuation in
            let flush = state.withLock { state in
                if state.flush == nil { state.flushWaiters.add(number, (), continuation) }
                return state.flush
            }
            if let flush { continuation.resume(returning: flush) }
        } leave: { [self] number in
            state.withLock { $0.flushWaiters.leave(number) }
        }
        return flush?.fileSystem
    }

    /// What the image consists of; nil when the pull ends without saying it, or the task is cancelled.
    func image() async -> (ImageManifest, ImageConfiguration)? {
        await waitCancellably { number, continuation in
            let (image, isDecided) = state.withLock { state in
                if state.image != nil || state.isOver { return (state.image, true) }
                state.imageWaiters.add(number, (), continuation)
                return (nil, false)
            }
            if isDecided { continuation.resume(returning: image) }
        } leave: { [self] number in
            state.withLock { $0.imageWaiters.leave(number) }
        }
    }

    /// Waits until the blob begins to arrive, or is there. Abandoned when the task is cancelled.
    /// - Parameter whole: only when all of it is there.
    func arrival(of blob: Digest, whole: Bool) async -> Arrival {
        let arrival: Arrival? = await waitCancellably { number, continuation in
            let arrival = state.withLock { state -> Arrival? in
                let known = state.blobs[blob, default: Blob()]
                if known.isVerified { return .verified }
                if state.isOver { return .abandoned }
                if !whole, !known.isTaken, let current = known.current {
                    state.blobs[blob]?.isTaken = true
                    return .arriving(current)
                }
                state.blobs[blob, default: Blob()].waiters.add(number, whole || known.isTaken ? .whole : .first, continuation)
                return nil
            }
            if let arrival { continuation.resume(returning: arrival) }
        } leave: { [self] number in
            state.withLock { $0.blobs[blob]?.waiters.leave(number) }
        }
        return arrival ?? .abandoned
    }
}
