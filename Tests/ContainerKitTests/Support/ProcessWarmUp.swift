import NIOCore
import NIOPosix
import TestSupport
import Testing

/// Starts the event loops that all users of NIO in this process share, before a leak check counts descriptors.
struct ProcessWarmUp: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try await loop.submit {}.get() }
        // And the timer behind every sleep.
        try await Task.sleep(for: .milliseconds(1))
        try await function()
    }
}

extension Trait where Self == ProcessWarmUp {
    /// Goes before `.leakChecked`.
    static var processIsWarm: Self { .init() }
}
