/// By when a container has to be ready after a start.
///
/// Every start that a program asks for is held to it: `start`, `withContainer`, `restart`, and the starts with which an engine that opens
/// its root carries out a restart policy. One that is not ready in time is killed with everything in it and is not started again by its
/// policy. Starts that its supervisor makes by itself are held to it by every program that holds the container then, unless a line of the
/// output is what has to be there: a health check watches those.
public struct StartDeadline: Sendable, Hashable, Codable {
    /// What has to be so.
    public var ready: ReadyStrategy
    /// From the start on. 60 seconds by default.
    public var limit: Duration

    /// A deadline.
    /// - Parameters:
    ///   - ready: what has to be so.
    ///   - limit: from the start on; more than zero.
    public init(_ ready: ReadyStrategy, within limit: Duration = .seconds(60)) {
        self.ready = ready
        self.limit = limit
    }
}

extension Container {
    /// Waits until it is ready, if it has a deadline; when that passes, it is killed.
    /// - Throws: `.notReady` with its last lines; `.cancelled`.
    func meetStartDeadline() async throws(ContainerError) {
        guard let deadline = record?.startDeadline else { return }
        do { try await ready(deadline.ready, within: deadline.limit) } catch {
            var failure = ContainerError(stream: error, container: id)
            do throws(ContainerError) {
                // Also when this task is cancelled.
                try await uncancelled { () throws(ContainerError) in _ = try await self.stop(signal: .kill, gracePeriod: .zero) }
            } catch {
                if error.code != .notRunning { failure.suppressed.append(error) }
            }
            throw failure
        }
    }
}

extension ContainerConfiguration {
    /// Refuses what would never be met.
    func expectMeetableDeadline(_ streams: StreamSetup, collects: Bool) throws(ContainerError) {
        guard let startDeadline else { return }
        func refuse(_ reason: String) -> ContainerError { ContainerError(.configurationRefused, .option("startDeadline"), reason) }
        if collects { throw refuse("`run` waits for the end of a container, not for its start") }
        if startDeadline.limit <= .zero { throw refuse("\(startDeadline.limit) is no time") }
        switch startDeadline.ready.kind {
        case .command(let command) where command.isEmpty: throw refuse("there is no command to ask with")
        case .logLine where !streams.isReadable: throw refuse("the output goes where this program cannot look for a line")
        default: break
        }
    }
}
