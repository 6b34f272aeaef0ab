package import Testing

/// Puts every test of a suite, or one test, under the leak check.
package struct LeakCheckTrait: TestTrait, SuiteTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await expectNoLeaks(sourceLocation: test.sourceLocation) { try await function() }
    }
}

extension Trait where Self == LeakCheckTrait {
    /// Asserts after each test that nothing is left on the machine. Suites that use it are `.serialized`.
    package static var leakChecked: Self { .init() }
}
