internal import Glibc
public import OCIModel
public import ShimKit
internal import SystemPackage

extension ContainerEngine {
    /// Makes a container that stops before its program's first instruction, until `Container.start()`.
    ///
    /// Whoever calls this also calls `Container.delete()`; else a throwaway one goes with `shutdown()`, at the latest with the program.
    /// - Throws: `ContainerError`.
    public func create(
        _ image: some ImageSource, configure: (inout ContainerConfiguration) -> Void = { _ in }
    ) async throws(ContainerError) -> Container {
        try await make(image, configure, LaunchForm(output: .stream, isParked: true))
    }

    /// Makes a container and starts it; otherwise as `create`.
    public func start(
        _ image: some ImageSource, configure: (inout ContainerConfiguration) -> Void = { _ in }
    ) async throws(ContainerError) -> Container {
        try await make(image, configure, LaunchForm(output: .stream))
    }

    private func make(
        _ image: some ImageSource, _ configure: (inout ContainerConfiguration) -> Void, _ form: LaunchForm
    ) async throws(ContainerError) -> Container {
        var configuration = ContainerConfiguration()
        configure(&configuration)
        return try await launch(try await prepared(image.containerSource), configuration, form)
    }

    /// A container that another program, or an earlier run of this one, made: a durable or a shared one.
    /// - Throws: `.notFound`.
    public func reattach(_ id: ContainerID) async throws(ContainerError) -> Container {
        try expectOpen()
        let supervised: SupervisedContainer
        do throws(ShimError) { supervised = try await supervisor.reattach(id) } catch {
            // After a reboot the run directory is gone, and the container's own is there.
            if error.code == .notFound, try await revive(id) { return try await reattach(id) }
            throw ContainerError(error, container: id)
        }
        let path = directories.containers.appending(id.description).appending("config.json")
        let record = try await blocking { () throws(ContainerError) in try ContainerRecord.read(path) }
        let container = Container(
            supervised, image: record?.image ?? "", record: record,
            stopSignal: record.map { Signal(rawValue: $0.stopSignal) } ?? .terminate,
            gracePeriod: record.map { .seconds($0.stopGraceSeconds) } ?? .seconds(10), input: StandardInputFeed(.stream), engine: self)
        if container.exit == nil { container.beginHealthChecks() }
        return container
    }

    /// By its name; see `reattach(_:)`.
    /// - Throws: `.notFound`, also for what is no name.
    public func reattach(_ name: String) async throws(ContainerError) -> Container {
        guard let id = ContainerID(name) else {
            throw ContainerError(.notFound, .engine, "\(name.debugDescription) is not a container's name")
        }
        return try await reattach(id)
    }

    /// The containers below this engine's run directory, of whatever program.
    public var containers: ContainerList { ContainerList(engine: self) }
}

/// The containers that exist.
public struct ContainerList: Sendable {
    let engine: ContainerEngine

    /// All, the oldest first, those that have ended too.
    public func list() async throws(ContainerError) -> [ContainerSummary] {
        try engine.expectOpen()
        do throws(ShimError) { return try await engine.supervisor.list().map(ContainerSummary.init) } catch {
            throw ContainerError(error, container: nil)
        }
    }

    /// One.
    /// - Throws: `.notFound`.
    public func find(_ id: ContainerID) async throws(ContainerError) -> ContainerSummary {
        try engine.expectOpen()
        do throws(ShimError) { return ContainerSummary(try await engine.supervisor.find(id)) } catch {
            throw ContainerError(error, container: id)
        }
    }
}

/// A container in a list.
public struct ContainerSummary: Sendable {
    /// Whether it runs.
    public enum State: Sendable, Hashable {
        /// It was made, and perhaps started; with the first process's id on the host.
        case running(pid: Int32?)
        /// It has ended.
        case stopped(ProcessExit)
        /// Its supervisor was killed, and with it the container; the next engine that starts cleans up.
        case lost
    }

    /// Its name.
    public var id: ContainerID
    /// Whether it runs.
    public var state: State
    /// The image as it was named; empty for one that is not shared.
    public var image: String
    /// Program and arguments; empty for one that is not shared.
    public var command: String
    /// Since 1970.
    public var createdAt: Duration
    /// Whether it outlives its program.
    public var isDurable: Bool
    /// Whether it has a terminal.
    public var hasTerminal: Bool
    /// Labels of its configuration.
    public var labels: [String: String]

    init(_ found: FoundContainer) {
        id = found.id
        switch found.status {
        case .supervised(let pid): state = .running(pid: pid)
        case .stopped(let exit): state = .stopped(exit)
        case .lost: state = .lost
        }
        let details = found.state.details
        image = details["image"] ?? ""
        command = details["command"] ?? ""
        hasTerminal = details["terminal"] == "true"
        createdAt = .nanoseconds(found.state.createdAt)
        isDurable = found.state.isDurable
        labels = [:]
        for (name, value) in details where name.hasPrefix("label.") { labels[String(name.dropFirst(6))] = value }
    }
}
