public import ShimKit

/// The streams of a container, held by this program until it gives them back.
public final class AttachedStreams: Sendable {
    private let streams: SupervisedStreams
    private let container: Container

    init(_ streams: SupervisedStreams, _ container: Container) {
        self.streams = streams
        self.container = container
    }

    /// What it writes to standard output, or to its terminal; empty where that goes to a file or a logger.
    public var standardOutput: ContainerOutput { streams.standardOutput }
    /// What it writes to standard error.
    public var standardError: ContainerOutput { streams.standardError }
    /// Its standard input or terminal; nil where there is none.
    public var standardInput: ContainerInput? { streams.standardInput }

    /// Gives them back: what was not read waits for the next who attaches.
    /// - Throws: `.notRunning`.
    public func detach() async throws(ContainerError) {
        try await container.translated { () throws(ShimError) in try await container.supervised.detachStreams() }
    }
}

extension Container {
    /// Takes the streams of a container that another program made, or that was found again. They have one holder at a time.
    ///
    /// - Parameter takingOver: from whoever holds them; its reads then end with `.busy`.
    /// - Throws: `.busy`, which names the process that holds them; `.notRunning`.
    public func attach(takingOver: Bool = false) async throws(ContainerError) -> AttachedStreams {
        let streams = try await translated { () throws(ShimError) in try await supervised.attach(takesOver: takingOver) }
        return AttachedStreams(streams, self)
    }
}
