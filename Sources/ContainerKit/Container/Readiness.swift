internal import OCIModel
internal import ShimKit
internal import Synchronization

/// When a container counts as ready.
public struct ReadyStrategy: Sendable, Hashable, Codable {
    enum Kind: Hashable, Codable {
        case listening(UInt16)
        case logLine(String)
        case command([String])
    }
    let kind: Kind

    /// A TCP port inside takes connections.
    public static func listening(on port: UInt16) -> ReadyStrategy { .init(kind: .listening(port)) }
    /// A line of standard output or standard error contains this text.
    public static func logLine(containing text: String) -> ReadyStrategy { .init(kind: .logLine(text)) }
    /// A command run inside returns 0.
    public static func command(_ command: [String]) -> ReadyStrategy { .init(kind: .command(command)) }
}

extension ReadyStrategy: CustomStringConvertible {
    /// As a clause: `port 80 takes connections`.
    public var description: String {
        switch kind {
        case .listening(let port): "port \(port) takes connections"
        case .logLine(let text): "a line contains \(text.debugDescription)"
        case .command(let command): "`\(command.joined(separator: " "))` returns 0"
        }
    }
}

extension Container {
    /// Waits until the container is ready.
    ///
    /// Streams are read meanwhile, so that a container that writes much does not stop, and what was read is there again for the next
    /// reader of `standardOutput` and `standardError`; at most 16 MiB a stream. Nobody else may read them at the same time.
    ///
    /// - Throws: `ContainerError` with `.notReady` and the container's last lines, as soon as the container has ended, or after `limit`;
    ///   `CancellationError`.
    public func ready(_ strategy: ReadyStrategy, within limit: Duration = .seconds(60)) async throws {
        let tail = OutputTail(containing: strategy.text)
        let log = LogFollower(self)
        let outcome = await withTaskGroup(of: Result<Wait, any Error>.self) { group in
            group.addTask {
                await Result {
                    if strategy.text == nil { try await self.poll(strategy) } else { try await tail.waitForMatch() }
                    return .ready
                }
            }
            group.addTask { await Result { .ended(try await self.supervised.wait().status) } }
            group.addTask {
                await Result {
                    try await Task.sleep(for: limit)
                    return .timedOut
                }
            }
            let drains = logFile == nil ? [standardOutput, standardError] : []
            for stream in drains { group.addTask { await Result { .drained(try await tail.drain(stream)) } } }
            if logFile != nil, strategy.text != nil { group.addTask { await Result { .drained(try await tail.follow(log)) } } }
            var result: Result<Wait, any Error> = .failure(CancellationError())
            while let next = await group.next() {
                if case .success(.drained) = next { continue }
                // The end of the container is the last word, but what it wrote before may be what is waited for.
                if case .success(.ended) = next, strategy.text != nil {
                    if await tail.matches(within: .milliseconds(200)) { result = .success(.ready) } else { result = next }
                } else {
                    result = next
                }
                break
            }
            group.cancelAll()
            await group.waitForAll()
            return result
        }
        tail.giveBack()
        switch try outcome.get() {
        case .ready: return
        case .ended(let status):
            throw notReady(strategy, "it ended with \(status)", await lastLines(tail))
        default:
            try Task.checkCancellation()
            throw notReady(strategy, "\(limit) were not enough", await lastLines(tail))
        }
    }

    private enum Wait: Sendable {
        case ready, timedOut
        case drained(Void)
        case ended(ExitStatus)
    }

    private func lastLines(_ tail: OutputTail) async -> String {
        logFile == nil ? tail.lastLines : ((try? await logs(last: 10)) ?? "")
    }

    private func notReady(_ strategy: ReadyStrategy, _ reason: String, _ lines: String) -> ContainerError {
        ContainerError(
            .notReady, .container(id), "it is not ready (\(strategy)): \(reason)",
            advice: lines.isEmpty ? "It wrote nothing." : "Its last lines:\n\(lines)")
    }

    /// Asks until it is so; not for a line.
    func poll(_ strategy: ReadyStrategy) async throws {
        switch strategy.kind {
        case .listening(let port): try await pollConnection(port)
        case .command(let command): try await pollCommand(command)
        case .logLine: preconditionFailure("a line is waited for by who reads")
        }
    }

    private func pollConnection(_ port: UInt16) async throws {
        var pause = Duration.milliseconds(2)
        while true {
            do throws(ContainerError) {
                let connection = try await connect(port: port)
                connection.close()
                return
            } catch {
                if ![.connectionRefused, .ioFailed].contains(error.code) && !error.isBetweenStarts { throw error.scoped }
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
    }

    private func pollCommand(_ command: [String]) async throws {
        var pause = Duration.milliseconds(10)
        while true {
            do {
                if try await exec(command).status.isSuccess { return }
            } catch let error as ContainerError where error.isBetweenStarts {}
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(250))
        }
    }
}

extension ContainerError {
    /// It has ended, which its end tells, with the status; or it will be started again, and is asked again.
    fileprivate var isBetweenStarts: Bool { code == .notRunning || code == .supervisorLost }
}

extension ReadyStrategy {
    var text: String? {
        if case .logLine(let text) = kind { text } else { nil }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
