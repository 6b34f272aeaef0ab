import ImageKit

/// Runs a transfer and reads its progress to the end.
func collectingEvents<Value: Sendable>(
    _ transfer: @Sendable (TransferEvents) async throws -> Value
) async throws -> (value: Value, events: [TransferProgress]) {
    let events = TransferEvents()
    async let collected: [TransferProgress] = {
        var all: [TransferProgress] = []
        for await event in events { all.append(event) }
        return all
    }()
    let value: Value
    do { value = try await transfer(events) } catch {
        events.finish()
        throw error
    }
    return (value, await collected)
}
