internal import LinuxSystem
public import OCIModel
internal import Synchronization
public import SystemPackage

/// What an unpacker knows of blobs that a pull is bringing: given to the pull as its follower, and to
/// `Unpacker.unpack(following:from:progress:)`.
///
/// A layer's process reads the file into which its blob is downloaded, behind the blob's frontier, of which it hears through a pipe. What
/// it has read is seen by the position of the open file, which both sides share.
public final class LayerFeed: BlobFollower, Sendable {
    /// Bytes that downloads of this process may be ahead of the unpackers' positions, together.
    public static let budget: Int64 = 32 << 20

    enum Arrival: Sendable {
        /// On its way.
        case arriving(ArrivingBlob)
        /// In the store.
        case verified
        /// It will not come.
        case abandoned
    }

    private struct Blob {
        var current: ArrivingBlob?
        /// An unpacker has it; a second one waits for the whole blob.
        var isTaken = false
        var isVerified = false
        var waiters: [(wantsWhole: Bool, continuation: CheckedContinuation<Arrival, Never>)] = []
    }

    private struct State {
        var image: (ImageManifest, ImageConfiguration)?
        var isOver = false
        var imageWaiters: [CheckedContinuation<(ImageManifest, ImageConfiguration)?, Never>] = []
        var blobs: [Digest: Blob] = [:]
    }
    private let state = Mutex(State())

    public init() {}

    // MARK: from the pull

    public func resolved(_ manifest: ImageManifest, _ configuration: ImageConfiguration) {
        let waiters = state.withLock { state in
            state.image = (manifest, configuration)
            defer { state.imageWaiters = [] }
            return state.imageWaiters
        }
        for waiter in waiters { waiter.resume(returning: (manifest, configuration)) }
    }

    public func began(_ blob: Digest, file: FileDescriptor) {
        // What cannot be followed is unpacked from the store.
        guard let arriving = try? ArrivingBlob(file) else { return }
        let waiter = state.withLock { state -> CheckedContinuation<Arrival, Never>? in
            state.blobs[blob, default: Blob()].current?.abandon()
            state.blobs[blob, default: Blob()].current = arriving
            state.blobs[blob]?.isTaken = false
            guard let index = state.blobs[blob]?.waiters.firstIndex(where: { !$0.wantsWhole }) else { return nil }
            state.blobs[blob]?.isTaken = true
            return state.blobs[blob]?.waiters.remove(at: index).continuation
        }
        waiter?.resume(returning: .arriving(arriving))
    }

    public func advanced(_ blob: Digest, to offset: Int64) {
        state.withLock { $0.blobs[blob]?.current }?.advance(to: offset)
    }

    public func verified(_ blob: Digest) {
        let (current, waiters) = state.withLock { state in
            state.blobs[blob, default: Blob()].isVerified = true
            defer { state.blobs[blob]?.waiters = [] }
            return (state.blobs[blob]?.current, state.blobs[blob]?.waiters ?? [])
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
        while true {
            if ArrivingBlob.bytesAheadOfReaders <= Self.budget { return }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// The pull has ended. What has not come will not come.
    public func end() {
        let (imageWaiters, blobs) = state.withLock { state in
            state.isOver = true
            defer {
                state.imageWaiters = []
                for blob in state.blobs.keys { state.blobs[blob]?.waiters = [] }
            }
            return (state.imageWaiters, Array(state.blobs.values))
        }
        for waiter in imageWaiters { waiter.resume(returning: nil) }
        for blob in blobs {
            if !blob.isVerified { blob.current?.abandon() }
            for waiter in blob.waiters { waiter.continuation.resume(returning: .abandoned) }
        }
    }

    // MARK: to the unpacker

    /// What the image consists of; nil when the pull ends without saying it.
    func image() async -> (ImageManifest, ImageConfiguration)? {
        await withCheckedContinuation { continuation in
            let (image, isDecided) = state.withLock { state in
                if state.image != nil || state.isOver { return (state.image, true) }
                state.imageWaiters.append(continuation)
                return (nil, false)
            }
            if isDecided { continuation.resume(returning: image) }
        }
    }

    /// Waits until the blob begins to arrive, or is there.
    /// - Parameter whole: only when all of it is there.
    func arrival(of blob: Digest, whole: Bool) async -> Arrival {
        await withCheckedContinuation { continuation in
            let arrival = state.withLock { state -> Arrival? in
                let known = state.blobs[blob, default: Blob()]
                if known.isVerified { return .verified }
                if state.isOver { return .abandoned }
                if !whole, !known.isTaken, let current = known.current {
                    state.blobs[blob]?.isTaken = true
                    return .arriving(current)
                }
                state.blobs[blob, default: Blob()].waiters.append((whole || known.isTaken, continuation))
                return nil
            }
            if let arrival { continuation.resume(returning: arrival) }
        }
    }
}
