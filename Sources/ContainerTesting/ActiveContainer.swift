public import ContainerKit

/// A container that traits around the current test have made.
struct ActiveContainer: Sendable {
    enum Outcome: Sendable {
        case running(Container)
        /// This machine cannot have containers.
        case impossible(ContainerError)
    }
    var identity: ObjectIdentifier
    var name: String?
    var outcome: Outcome

    /// The outermost first.
    @TaskLocal static var all: [ActiveContainer] = []
}

extension Container {
    /// The container of the innermost trait around the current test; nil outside of a test with one.
    public static var current: Container? { containers.last?.container }

    /// The container whose trait gave it this name; of several, the innermost.
    public static func named(_ name: String) -> Container? { containers.last { $0.name == name }?.container }

    private static var containers: [(name: String?, container: Container)] {
        ActiveContainer.all.compactMap { active in
            if case .running(let container) = active.outcome { (active.name, container) } else { nil }
        }
    }
}
