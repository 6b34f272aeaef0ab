internal import BundleKit
internal import ImageKit
internal import OCIModel
internal import Synchronization

/// Makes one account of each blob from what a pull and the unpacking of its layers, which run at the same time, have to tell.
final class PullNotes: Sendable {
    private struct State {
        /// Blobs of the layers, the lowest first.
        var layers: [Digest] = []
        /// In the store.
        var arrived: Set<Digest> = []
        var unpacking: Set<Digest> = []
        /// Said to be unpacked now.
        var announced: Set<Digest> = []
        var unpacked: Set<Digest> = []
        var isStarted = false
    }
    private let events: TransferEvents?
    private let unpacks: Bool
    private let state = Mutex(State())

    /// - Parameter unpacks: layers are unpacked while they come.
    init(_ events: TransferEvents?, unpacks: Bool = false) {
        self.events = events
        self.unpacks = unpacks
    }

    /// The layers of an image that was in the store are about to be unpacked.
    func stored(_ image: Image) {
        let isNew = state.withLock { state in
            if state.isStarted { return false }
            state.layers = image.manifest.layers.map(\.digest)
            state.arrived = Set(state.layers)
            state.isStarted = true
            return true
        }
        guard isNew, let events else { return }
        events.note(.started(image.digest, blobs: [image.manifest.config] + image.manifest.layers))
        for blob in [image.manifest.config] + image.manifest.layers { events.note(.blob(blob.digest, .alreadyPresent)) }
    }

    func pulled(_ event: TransferProgress) {
        guard let events else { return }
        switch event {
        case .started(_, let blobs):
            state.withLock { state in
                state.layers = blobs.dropFirst().map(\.digest)
                state.isStarted = true
            }
            events.note(event)
        case .blob(let digest, .done):
            let isUnpacked = state.withLock { state in
                state.arrived.insert(digest)
                guard unpacks, state.layers.contains(digest), !state.unpacked.contains(digest) else { return true }
                state.announced.insert(digest)
                return false
            }
            events.note(.blob(digest, isUnpacked ? .done : .unpacking))
        case .blob(let digest, .alreadyPresent):
            events.note(event)
            let isUnpacking = state.withLock { state in
                state.arrived.insert(digest)
                guard state.unpacking.contains(digest), !state.unpacked.contains(digest) else { return false }
                return state.announced.insert(digest).inserted
            }
            if isUnpacking { events.note(.blob(digest, .unpacking)) }
        // The end is the end of unpacking.
        case .done: break
        default: events.note(event)
        }
    }

    func unpacked(_ event: UnpackProgress) {
        guard let events else { return }
        let next = state.withLock { state -> TransferProgress? in
            switch event {
            case .started(let index):
                guard state.layers.indices.contains(index) else { return nil }
                let digest = state.layers[index]
                state.unpacking.insert(digest)
                guard state.arrived.contains(digest), state.announced.insert(digest).inserted else { return nil }
                return .blob(digest, .unpacking)
            case .finished(let index, _):
                guard state.layers.indices.contains(index) else { return nil }
                let digest = state.layers[index]
                state.unpacked.insert(digest)
                return state.announced.contains(digest) ? .blob(digest, .done) : nil
            }
        }
        if let next { events.note(next) }
    }

    /// Everything is there; also layers that had been unpacked before, which nobody tells of.
    func end(_ image: Image) {
        guard let events else { return }
        let left = state.withLock { state in
            defer { state.unpacked.formUnion(state.announced) }
            return state.layers.filter { state.announced.contains($0) && !state.unpacked.contains($0) }
        }
        for digest in left { events.note(.blob(digest, .done)) }
        events.note(.done(image.digest))
    }
}
