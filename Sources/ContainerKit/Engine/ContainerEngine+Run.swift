internal import OCIModel
internal import ShimKit

extension ContainerEngine {
    /// Runs a container to its end and hands out what it wrote. When this returns, throws or is cancelled, nothing is left of it.
    ///
    /// - Parameters:
    ///   - image: a name, an image, or `.directory(path)`. An image that is not in the store is pulled.
    ///   - command: replaces the image's command; nil keeps it.
    ///   - configure: changes the defaults.
    /// - Returns: the status, whatever it is: a program that fails is no error.
    /// - Throws: `ContainerError`; `CancellationError`.
    public func run(
        _ image: some ImageSource, _ command: [String]? = nil, configure: (inout ContainerConfiguration) -> Void = { _ in }
    ) async throws -> RunResult {
        var configuration = ContainerConfiguration()
        configuration.command = command
        configure(&configuration)
        if configuration.life == .durable {
            throw ContainerError(
                .configurationRefused, .option("life"), "`run` waits for the end of a container, so it cannot be durable",
                advice: "Take `create` and `start`.")
        }
        if configuration.standardInput == .stream {
            throw ContainerError(
                .configurationRefused, .option("standardInput"), "`run` gives nobody the stream to write to",
                advice: "Take `withContainer`, or give bytes.")
        }
        configuration.removesItself = true
        let settled = configuration
        return try await scoped { () throws(ContainerError) in try await self.run(image.containerSource, settled) }
    }

    @concurrent
    private func run(_ source: ContainerSource, _ configuration: ContainerConfiguration) async throws(ContainerError) -> RunResult {
        let begun = ContinuousClock.now
        let image = try await prepared(source)
        let unpacked = ContinuousClock.now
        let form = LaunchForm(output: .collect(limit: self.configuration.outputLimit))
        let limit = try StreamSetup(configuration, form).limit
        let container = try await launch(image, configuration, form)
        let started = ContinuousClock.now
        do throws(ContainerError) {
            let (output, error) = try await container.collect(limit: limit)
            let exit = try await container.waitForExit()
            let ended = ContinuousClock.now
            do throws(ShimError) { try await container.supervised.waitUntilRemoved() } catch {
                throw ContainerError(error, container: container.id)
            }
            forget(container.supervised)
            return RunResult(
                exit: exit, outputBytes: output.bytes, errorBytes: error.bytes, isTruncated: output.isTruncated || error.isTruncated,
                timings: RunTimings(
                    image: unpacked - begun, launch: started - unpacked, running: ended - started, removal: .now - ended))
        } catch {
            throw await container.removed(after: error)
        }
    }

    /// Gives a running container to a closure. However that ends, by return, throw or cancellation, the container has been removed then:
    /// killed, unless it had ended. Call `Container.stop()` inside to let it end by itself.
    ///
    /// - Parameters:
    ///   - image: a name, an image, or `.directory(path)`. An image that is not in the store is pulled.
    ///   - configure: changes the defaults.
    ///   - operation: what uses the container.
    /// - Throws: what the operation throws; `ContainerError`; `CancellationError`.
    public func withContainer<Value>(
        _ image: some ImageSource, configure: (inout ContainerConfiguration) -> Void = { _ in },
        operation: (Container) async throws -> Value
    ) async throws -> Value {
        var configuration = ContainerConfiguration()
        configure(&configuration)
        let settled = configuration
        let container = try await scoped { () throws(ContainerError) in
            try await self.launch(try await self.prepared(image.containerSource), settled, LaunchForm(output: .stream))
        }
        let value: Value
        do { value = try await operation(container) } catch {
            do throws(ContainerError) {
                try await uncancelled { () throws(ContainerError) in try await container.delete() }
            } catch let failure { throw attach(failure, to: error, self) }
            throw error
        }
        try await uncancelled { () throws(ContainerError) in try await container.delete() }
        return value
    }
}

extension Container {
    typealias Collected = (bytes: [UInt8], isTruncated: Bool)

    /// Both streams to their ends, side by side.
    func collect(limit: Int?) async throws(ContainerError) -> (Collected, Collected) {
        guard let limit else { return (([], false), ([], false)) }
        do {
            return try await Collecting.both(supervised.standardOutput, supervised.standardError, limit: limit)
        } catch { throw ContainerError(stream: error, container: id) }
    }

    /// Removes it after a failure, even when this task is cancelled.
    func removed(after error: ContainerError) async -> ContainerError {
        var failure = error
        do throws(ContainerError) {
            try await uncancelled { () throws(ContainerError) in try await self.delete() }
        } catch { failure.suppressed.append(error) }
        return failure
    }
}

enum Collecting {
    static func both(
        _ output: ContainerOutput, _ error: ContainerOutput, limit: Int
    ) async throws -> (Container.Collected, Container.Collected) {
        async let errors = error.collect(limit: limit)
        let outputs = try await output.collect(limit: limit)
        return (outputs, try await errors)
    }
}

extension ContainerError {
    /// From reading or writing a stream.
    init(stream error: any Error, container: ContainerID) {
        switch error {
        case let error as ContainerError: self = error
        case let error as ShimError: self.init(error, container: container)
        case is CancellationError: self.init(.cancelled, .container(container), "it was cancelled")
        default: self.init(.ioFailed, .container(container), "a stream failed", cause: error)
        }
    }
}
