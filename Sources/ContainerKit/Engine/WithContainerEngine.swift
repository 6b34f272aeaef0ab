internal import Logging

/// Makes an engine for the length of a closure. When it returns or throws, throwaway containers are gone.
///
/// - Parameters:
///   - configure: changes the defaults.
///   - operation: what uses the engine.
/// - Returns: what the operation returns.
/// - Throws: what the operation throws, and `ContainerError` where the engine cannot be made or something could not be removed.
public func withContainerEngine<Value>(
    _ configure: (inout EngineConfiguration) -> Void = { _ in },
    operation: (ContainerEngine) async throws -> Value
) async throws -> Value {
    let engine = try await ContainerEngine(configure)
    let value: Value
    do { value = try await operation(engine) } catch {
        do throws(ContainerError) { try await engine.shutdown() } catch let failure { throw attach(failure, to: error, engine) }
        throw error
    }
    try await engine.shutdown()
    return value
}

/// An error with a failed clean-up beside it: attached where it is ours, else logged, so that the caller's own error arrives unchanged.
func attach(_ failure: any Error, to error: any Error, _ engine: ContainerEngine) -> any Error {
    if var own = error as? ContainerError {
        own.suppressed.append(failure)
        return own
    }
    engine.configuration.logger.error("A clean-up failed after an error: \(failure)")
    return error
}
