internal import ShimKit
internal import Synchronization

/// Writes the bytes of `StandardInput.bytes` into a process, as fast as it reads them.
final class StandardInputFeed: Sendable {
    private let bytes: [UInt8]?
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ input: ContainerConfiguration.StandardInput) {
        if case .bytes(let bytes) = input { self.bytes = bytes } else { bytes = nil }
    }

    /// Whether standard input is this feed's, not the user's.
    var isAutomatic: Bool { bytes != nil }

    func begin(_ container: SupervisedContainer) { begin(container.standardInput) }

    func begin(_ input: ContainerInput?) {
        guard let bytes, let input else { return }
        task.withLock {
            $0 = Task {
                // A process that ends without reading everything is no failure, as in a shell's pipe.
                try? await input.write(bytes)
                await input.finish()
            }
        }
    }

    func cancel() { task.withLock { $0 }?.cancel() }
}
