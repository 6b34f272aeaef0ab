@_exported public import ContainerKit
internal import Synchronization
public import Testing

/// Gives a test, or all tests of a suite together, a container.
///
/// On a suite it makes one container that all of its tests share; on a test one for each of its cases. It is removed before the test, or
/// the suite, is reported as ended. When a test fails while it is there, what the container wrote is attached to that test.
public struct ContainerTrait: TestTrait, SuiteTrait, TestScoping {
    /// Says which suite's trait a test has inherited.
    private final class Identity: Sendable {}
    private let identity = Identity()
    let service: ContainerService
    let name: String?

    init(_ service: ContainerService, name: String?) {
        self.service = service
        self.name = name
    }

    /// True: each test of a suite is watched for failures.
    public var isRecursive: Bool { true }

    /// Scopes are those of suites and of single cases.
    public func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { test.isSuite || testCase != nil ? self : nil }

    /// Makes the container around a suite or a test; around the tests of such a suite, watches them.
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let id = ObjectIdentifier(identity)
        if let mine = ActiveContainer.all.first(where: { $0.identity == id }) {
            // A suite within the suite.
            if testCase == nil { return try await function() }
            return try await watch(mine, test, testCase, function)
        }
        let service = service
        do {
            try await SharedEngine.shared.withEngine { engine in
                try await engine.withContainer(service.image) { configuration in
                    service.configure(&configuration)
                    // A file: nothing that the test does or leaves undone stops the container, and the log is there at the end.
                    if configuration.output == .automatic { configuration.output = .file(nil) }
                } operation: { container in
                    if let strategy = service.ready { try await container.ready(strategy, within: service.limit) }
                    try await scope(.init(identity: id, name: name, outcome: .running(container)), test, testCase, function)
                }
            }
        } catch let error as ContainerError where error.code == .hostUnsuitable && ActiveContainer.all.allSatisfy({ $0.identity != id }) {
            try await scope(.init(identity: id, name: name, outcome: .impossible(error)), test, testCase, function)
        }
    }

    private func scope(
        _ active: ActiveContainer, _ test: Test, _ testCase: Test.Case?, _ function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await ActiveContainer.$all.withValue(ActiveContainer.all + [active]) {
            if testCase == nil { try await function() } else { try await watch(active, test, testCase, function) }
        }
    }

    /// Runs a test, and attaches the log when it fails: by an issue, a thrown error, or its time limit, which cancels it.
    private func watch(
        _ active: ActiveContainer, _ test: Test, _ testCase: Test.Case?, _ function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let container: Container
        switch active.outcome {
        case .impossible(let error):
            try Test.cancel("Containers are not possible here: \(error)", sourceLocation: test.sourceLocation)
        case .running(let running): container = running
        }
        let failed = Flag()
        let noticing = IssueHandlingTrait.compactMapIssues { issue in
            // A known issue, or a warning, is no failure.
            if issue.isFailure { failed.set() }
            return issue
        }
        do {
            try await noticing.provideScope(for: test, testCase: testCase, performing: function)
        } catch {
            await Self.attach(container, active.name)
            throw error
        }
        if failed.isSet || Task.isCancelled { await Self.attach(container, active.name) }
    }

    private static func attach(_ container: Container, _ name: String?) async {
        // The test's task may be cancelled; its log is wanted all the more.
        let text = await Task.detached {
            let log = (try? await container.logs()) ?? "(its output did not go to a file)"
            return "\(container.image), container \(container.id), \(container.exit.map { "\($0.status)" } ?? "running")\n\(log)"
        }.value
        Attachment.record(text, named: "\(name ?? "container").log")
    }
}

/// Something that happened, from any thread.
private final class Flag: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}

extension Trait where Self == ContainerTrait {
    /// A container of an image.
    ///
    /// - Parameters:
    ///   - image: a name, an image, or `.directory(path)`.
    ///   - name: for `Container.named(_:)`, where a test has several.
    ///   - ready: when the test may begin; nil as soon as the program runs.
    ///   - limit: how long that may take.
    ///   - configure: changes the container's defaults.
    public static func container(
        _ image: some ImageSource, name: String? = nil, ready: ReadyStrategy? = nil, within limit: Duration = .seconds(60),
        configure: @escaping @Sendable (inout ContainerConfiguration) -> Void = { _ in }
    ) -> ContainerTrait {
        ContainerTrait(ContainerService(image, ready: ready, within: limit, configure: configure), name: name)
    }

    /// A container of a ready-made service.
    public static func container(_ service: ContainerService, name: String? = nil) -> ContainerTrait {
        ContainerTrait(service, name: name)
    }
}
