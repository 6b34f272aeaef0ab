internal import BundleChild
internal import LinuxSystem
internal import OCIModel
internal import SpawnKit
internal import SystemPackage

extension Unpacker {
    /// One layer: from the store when it is there, else unpacked.
    func unpack(_ job: Job, _ index: Int) async throws(BundleError) -> UnpackedImage.Layer {
        let start = ContinuousClock.now
        let layer = job.layers[index]
        if let there = present(job, index, start) { return there }
        while true {
            try checkCancellation(layer)
            var arriving: ArrivingBlob?
            if let feed = job.feed {
                switch await feed.arrival(of: try digest(of: layer), whole: false) {
                case .arriving(let blob): arriving = blob
                case .verified: break
                case .abandoned: throw Self.cancelled(layer)
                }
            }
            guard await slots.acquire() else { throw Self.cancelled(layer) }
            let slot = Slot(slots)
            defer { slot.release() }
            let keys = job.keys[index]
            let turn = Turn(store.lock, keys.shared.hex)
            defer { turn.end() }
            guard await turn.take() else { throw Self.cancelled(layer) }
            if let there = present(job, index, start) { return there }
            try checkCancellation(layer)
            job.progress?(.started(index))
            do throws(Restart) {
                let lower = job.chain.known(index)
                let (key, report) = try await write(job, index, lower, arriving, slot, turn)
                let finished = UnpackedImage.Layer(
                    description: layer, key: key, path: store.path(of: key), wasPresent: false, entries: report.entries,
                    bytes: report.bytes, duration: .now - start)
                job.progress?(.finished(index, finished))
                return finished
            } catch {
                switch error {
                case .failed(let failure): throw failure
                // The download begins once more.
                case .blobIsVoid: continue
                }
            }
        }
    }

    private enum Restart: Error {
        case failed(BundleError)
        case blobIsVoid
    }

    /// A slot that is given back once.
    private final class Slot {
        private var slots: WorkSlots?
        init(_ slots: WorkSlots) { self.slots = slots }
        func release() {
            slots?.release()
            slots = nil
        }
    }

    /// The turn to unpack one layer, given back once.
    private final class Turn {
        private let lock: KeyedLock
        private let key: String
        private var isHeld = false
        init(_ lock: KeyedLock, _ key: String) {
            self.lock = lock
            self.key = key
        }
        func take() async -> Bool {
            isHeld = await lock.acquire(key)
            return isHeld
        }
        func end() {
            if isHeld { lock.release(key) }
            isHeld = false
        }
    }

    private func present(_ job: Job, _ index: Int, _ start: ContinuousClock.Instant) -> UnpackedImage.Layer? {
        let keys = job.keys[index]
        for key in [keys.shared, keys.settled] where store.contains(key) {
            let there = UnpackedImage.Layer(
                description: job.layers[index], key: key, path: store.path(of: key), wasPresent: true, entries: 0, bytes: 0,
                duration: .now - start)
            job.progress?(.finished(index, there))
            return there
        }
        return nil
    }

    private func write(
        _ job: Job, _ index: Int, _ lower: [LayerKey]?, _ arriving: ArrivingBlob?, _ slot: Slot, _ turn: Turn
    ) async throws(Restart) -> (LayerKey, UnpackReport) {
        let staging: LayerStore.Staging
        do throws(Errno) { staging = try store.stage() } catch { throw .failed(.storage(error, store.directory)) }
        do throws(Restart) {
            guard let report = try await run(job, index, lower, arriving, staging, slot, turn) else {
                // Only in order can it be told what the archive means.
                try await discard(staging)
                do throws(BundleError) { try await wholeBlob(job, index) } catch { throw .failed(error) }
                guard let below = await job.chain.below(index) else { throw .failed(Self.cancelled(job.layers[index])) }
                return try await write(job, index, below, nil, slot, turn)
            }
            // Its blob may be wrong even where its archive is right.
            do throws(BundleError) { try await wholeBlob(job, index) } catch { throw .failed(error) }
            let key = report.neededBelow ? job.keys[index].settled : job.keys[index].shared
            let store = store
            do throws(BundleError) {
                try await BlockingWork.run { () throws(BundleError) in
                    do throws(Errno) { try store.commit(staging, as: key) } catch { throw .storage(error, store.path(of: key)) }
                }
            } catch { throw .failed(error) }
            return (key, report)
        } catch {
            do throws(Restart) { try await discard(staging) } catch let second {
                guard case .failed(var failure) = error else { throw second }
                if case .failed(let cleanup) = second { failure.suppressed.append(cleanup) }
                throw .failed(failure)
            }
            throw error
        }
    }

    /// Waits until the layer's blob is verified.
    private func wholeBlob(_ job: Job, _ index: Int) async throws(BundleError) {
        guard let feed = job.feed else { return }
        guard case .verified = await feed.arrival(of: try digest(of: job.layers[index]), whole: true) else {
            throw Self.cancelled(job.layers[index])
        }
    }

    private func discard(_ staging: LayerStore.Staging) async throws(Restart) {
        let store = store
        do throws(BundleError) {
            try await BlockingWork.run { () throws(BundleError) in
                do throws(Errno) { try store.discard(staging) } catch { throw .storage(error, store.directory) }
            }
        } catch { throw .failed(error) }
    }

    /// Runs the role; nil when it says that the layer has to be unpacked in order.
    private func run(
        _ job: Job, _ index: Int, _ lower: [LayerKey]?, _ arriving: ArrivingBlob?, _ staging: LayerStore.Staging, _ slot: Slot,
        _ turn: Turn
    ) async throws(Restart) -> UnpackReport? {
        let layer = job.layers[index]
        let process: UnpackerProcess
        do throws(BundleError) {
            let blob = if let arriving { arriving.file } else { try await open(layer, job) }
            let request = UnpackRequest(
                compression: try layer.compression, blobSize: layer.size, diffID: job.keys[index].shared.bytes,
                lower: lower?.map(\.hex), limits: limits)
            process = try await UnpackerProcess.start(
                request, layer, blob: blob, arriving: arriving, staging: staging.tree, finished: store.finished, by: spawner)
        } catch { throw .failed(error) }
        arriving?.beginReading()
        defer { arriving?.endReading() }
        arriving?.onAbandon { process.end() }
        var outcome = await process.next()
        if case .written = outcome, lower == nil {
            // Others may write meanwhile, among them those it waits for.
            slot.release()
            turn.end()
            if let below = await job.chain.below(index) {
                do throws(BundleError) { try process.settle(on: below) } catch { process.end() }
                outcome = await process.next()
            } else {
                process.end()
                outcome = nil
            }
        }
        let exit = await process.wait()
        if Task.isCancelled { throw .failed(Self.cancelled(layer)) }
        if let arriving, arriving.isVoid { throw .blobIsVoid }
        switch outcome {
        case .done(let report) where exit == .ended(.exited(code: 0)): return report
        case .failed(let failure) where failure.code.dependsOnBelow && lower == nil: return nil
        case .failed(let failure): throw .failed(BundleError(failure, layer: layer.digest, expected: layer.diffID))
        default:
            throw .failed(
                BundleError(
                    .unpackerFailed, .layer(layer.digest, entry: nil),
                    "The unpacker ended without an answer: \(exit). If that happens again, report it."))
        }
    }

    private func open(_ layer: LayerDescription, _ job: Job) async throws(BundleError) -> SharedDescriptor {
        do { return try await job.source.openLayer(layer) } catch {
            throw BundleError(
                .source, .layer(layer.digest, entry: nil), cause: error, "Its blob could not be opened: \(error). Pull the image again.")
        }
    }

    private func digest(of layer: LayerDescription) throws(BundleError) -> Digest {
        do throws(Digest.ParseError) { return try Digest(layer.digest) } catch {
            throw BundleError(.damagedLayer, .layer(layer.digest, entry: nil), cause: error, "Its digest is none.")
        }
    }

    private func checkCancellation(_ layer: LayerDescription) throws(BundleError) {
        if Task.isCancelled { throw Self.cancelled(layer) }
    }

    private static func cancelled(_ layer: LayerDescription) -> BundleError {
        BundleError(.cancelled, .layer(layer.digest, entry: nil), "The task was cancelled.")
    }
}
