internal import BundleKit
internal import OCIModel
public import ShimKit
internal import Synchronization
public import SystemPackage

/// A container of this engine.
///
/// Its streams are pulled: what nobody reads stops the container once a pipe is full (64 KiB; 1 MiB where a reader was busy). Take
/// `Output.file` or `.discard` where nobody reads. `ready(_:within:)` reads meanwhile, and loses nothing for who reads later.
public final class Container: Sendable {
    /// Its name.
    public let id: ContainerID
    /// The image, as it was named.
    public let image: String
    let engine: ContainerEngine
    let supervised: SupervisedContainer
    /// What `exec` needs; nil for a container whose maker did not share it.
    let record: ContainerRecord?
    let stopSignal: Signal
    let gracePeriod: Duration
    /// The file that the output goes to, if it does.
    public let logFile: FilePath?
    let logOptions: LogOptions?
    let hub = EventHub()
    let health: HealthMonitor?
    let restartWatch: RestartWatch?
    private let input: StandardInputFeed

    init(
        _ supervised: SupervisedContainer, image: String, record: ContainerRecord?, stopSignal: Signal,
        gracePeriod: Duration, input: StandardInputFeed, engine: ContainerEngine
    ) {
        id = supervised.id
        self.supervised = supervised
        self.image = image
        self.record = record
        logFile = record?.log.map { FilePath($0) }
        logOptions = record?.logOptions
        health = record?.healthCheck.flatMap { HealthMonitor($0) }
        restartWatch = record?.startDeadline.flatMap { RestartWatch($0) }
        self.stopSignal = stopSignal
        self.gracePeriod = gracePeriod
        self.input = input
        self.engine = engine
        observe()
    }

    /// Process id of its first process, on the host; nil before the start and for one that has ended.
    public var pid: Int32? { supervised.pid }

    /// What it writes to standard output, or to its terminal: chunks of bytes, or `.lines`. Empty unless the output is streamed.
    public var standardOutput: ContainerOutput { supervised.standardOutput }
    /// What it writes to standard error. Empty with a terminal.
    public var standardError: ContainerOutput { supervised.standardError }
    /// Its standard input, with `StandardInput.stream` or a terminal.
    public var standardInput: ContainerInput? { input.isAutomatic ? nil : supervised.standardInput }

    // MARK: life

    /// Starts a container of `create`; with a start deadline, returns when it is ready.
    /// - Throws: `.launchFailed`, `.notRunning` when it runs already; `.notReady` after its start deadline: it has ended then.
    public func start() async throws(ContainerError) {
        try await translated { () throws(ShimError) in try await supervised.start() }
        input.begin(supervised)
        beginHealthChecks()
        try await meetStartDeadline()
    }

    /// Waits until its first process ends.
    /// - Throws: `.cancelled`.
    @discardableResult
    public func wait() async throws(ContainerError) -> ExitStatus { try await waitForExit().status }

    /// Waits until its first process ends, and tells what it used.
    public func waitForExit() async throws(ContainerError) -> ProcessExit {
        try await translated { () throws(ShimError) in try await supervised.wait() }
    }

    /// How it ended; nil while it runs.
    public var exit: ProcessExit? { supervised.exited }

    /// Sends a signal to its first process, or to every process.
    /// - Throws: `.notRunning`.
    public func signal(_ signal: Signal, toAll: Bool = false) async throws(ContainerError) {
        try await translated { () throws(ShimError) in try await supervised.signal(signal, toAll: toAll) }
    }

    /// Asks it to end, and kills everything in it when it has not within the grace period.
    /// - Parameters:
    ///   - signal: nil is the stop signal of the configuration.
    ///   - gracePeriod: nil is that of the configuration.
    @discardableResult
    public func stop(signal: Signal? = nil, gracePeriod: Duration? = nil) async throws(ContainerError) -> ExitStatus {
        let signal = signal ?? stopSignal
        let limit = gracePeriod ?? self.gracePeriod
        return try await translated { () throws(ShimError) in try await supervised.stop(signal, gracePeriod: limit) }.status
    }

    /// Kills what runs and removes everything. Returns when nothing is left.
    /// - Throws: `.removalFailed`.
    public func delete() async throws(ContainerError) {
        input.cancel()
        health?.end()
        restartWatch?.end()
        engine.forget(supervised)
        try await translated { () throws(ShimError) in try await supervised.delete() }
    }

    /// Lets a durable container go on without this program. A throwaway one ends.
    public func detach() {
        health?.end()
        restartWatch?.end()
        engine.forget(supervised)
        supervised.close()
    }

    /// Stops every process from being scheduled, until `resume()`.
    public func pause() async throws(ContainerError) { try await translated { () throws(ShimError) in try await supervised.pause() } }

    /// Undoes `pause()`.
    public func resume() async throws(ContainerError) { try await translated { () throws(ShimError) in try await supervised.resume() } }

    /// Sets the size of its terminal.
    public func resize(_ size: TerminalSize) async throws(ContainerError) {
        try await translated { () throws(ShimError) in try await supervised.resize(rows: size.rows, columns: size.columns) }
    }

    /// Connects to a TCP port inside, on the container's own loopback: no network is needed for it.
    /// - Throws: `.connectionRefused` while nothing listens, `.notRunning`.
    public func connect(port: UInt16) async throws(ContainerError) -> ContainerConnection {
        try await translated { () throws(ShimError) in try await supervised.connection(port: port) }
    }

    func translated<Value>(
        _ body: () async throws(ShimError) -> Value
    ) async throws(ContainerError) -> Value {
        do throws(ShimError) { return try await body() } catch { throw ContainerError(error, container: id) }
    }
}
