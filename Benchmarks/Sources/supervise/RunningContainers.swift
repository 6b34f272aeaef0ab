import ContainerKit
import Synchronization

/// Containers of the default configuration that stay, and launches beside them.
final class RunningContainers: Sendable {
    private let engine: ContainerEngine
    private let image: Image
    private let running = Mutex<[Container]>([])

    init(engine: ContainerEngine, image: Image) {
        self.engine = engine
        self.image = image
    }

    /// Durable ones with cgroup, filter, overlay and a network of their own. This program stays connected to each.
    /// - Parameter isFiltered: whether with Docker's filter of system calls, as by default.
    /// - Returns: how many run now.
    func start(_ count: Int, isFiltered: Bool = true) async throws -> Int {
        try await withThrowingTaskGroup(of: Container.self) { group in
            for number in 0..<count {
                if number >= 8, let container = try await group.next() { keep(container) }
                group.addTask {
                    try await self.engine.start(self.image) {
                        $0.command = ["sleep", "1000000"]
                        $0.output = .discard
                        $0.life = .durable
                        if !isFiltered { $0.security.systemCalls = .unconfined }
                    }
                }
            }
            for try await container in group { keep(container) }
        }
        return running.withLock { $0.count }
    }

    private func keep(_ container: Container) { running.withLock { $0.append(container) } }

    /// Milliseconds of `true` in a container of its own, until nothing is left of it.
    func run() async throws -> Double {
        let begun = ContinuousClock.now
        let result = try await engine.run(image, ["true"]) { $0.output = .discard }
        let time = ContinuousClock.now - begun
        guard result.status.isSuccess else { throw BenchmarkError("a container ended with \(result.status)") }
        return time / .milliseconds(1)
    }

    /// How a process in a container that runs is confined: the number of lines, and those.
    func execStatus() async throws -> String {
        let lines = try await first().exec(["cat", "/proc/self/status"]).standardOutput.split(separator: "\n")
        return "\(lines.count)\n" + lines.joined(separator: "\n")
    }

    private func first() throws -> Container {
        guard let container = running.withLock({ $0.first }) else { throw BenchmarkError("nothing runs") }
        return container
    }

    /// Milliseconds of `true` in a container that runs.
    func exec() async throws -> Double {
        let container = try first()
        let begun = ContinuousClock.now
        let result = try await container.exec(["true"]) { $0.output = .discard }
        let time = ContinuousClock.now - begun
        guard result.status.isSuccess else { throw BenchmarkError("a process ended with \(result.status)") }
        return time / .milliseconds(1)
    }

    /// Also those of an earlier program in the same directory.
    /// - Returns: how many there were.
    func deleteAll() async throws -> Int {
        running.withLock { $0 = [] }
        let all = try await engine.containers.list()
        for found in all { try await engine.reattach(found.id).delete() }
        return all.count
    }
}
