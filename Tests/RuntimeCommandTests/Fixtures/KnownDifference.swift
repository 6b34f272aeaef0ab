import Testing

/// What another runtime is known to do in another way, in its version of Debian 12; DocC, "The runtime command", lists and explains it.
/// The test runs against it all the same and has to fail there, so that a difference that is gone is noticed.
struct KnownDifference: TestTrait, TestScoping {
    let names: [String]
    let why: Comment

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void) async throws
    {
        guard names.contains(RuntimeUnderTest.name) else { return try await function() }
        await withKnownIssue(why) { try await function() }
    }
}

extension Trait where Self == KnownDifference {
    /// - Parameters:
    ///   - names: the runtimes.
    ///   - why: how they differ.
    static func differs(_ names: String..., because why: Comment) -> Self { .init(names: names, why: why) }
}

extension RuntimeUnderTest {
    /// A part of a test that other runtimes are known to fail. See `KnownDifference`.
    static func differs(_ names: String..., because why: Comment, _ body: () throws -> Void) throws {
        guard names.contains(name) else { return try body() }
        withKnownIssue(why) { try body() }
    }
}
