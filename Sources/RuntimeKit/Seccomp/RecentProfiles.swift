internal import OCIModel

/// The profiles used last with what was found out about each. A program uses two or three, and comparing two that share their rules is
/// far cheaper than looking at every name of one.
struct RecentProfiles<Value: Sendable>: Sendable {
    private var entries: [(profile: RuntimeConfiguration.Seccomp, value: Value)] = []
    private static var limit: Int { 8 }

    subscript(profile: RuntimeConfiguration.Seccomp) -> Value? { entries.first { $0.profile == profile }?.value }

    /// Keeps it in the place of the oldest.
    mutating func keep(_ value: Value, for profile: RuntimeConfiguration.Seccomp) {
        if entries.count >= Self.limit { entries.removeFirst() }
        entries.append((profile, value))
    }
}
