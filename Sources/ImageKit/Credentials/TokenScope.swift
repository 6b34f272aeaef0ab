/// What a token is good for: `repository:library/alpine:pull,push`. See: distribution's "Docker Registry v2 Bearer token specification".
struct TokenScope: Hashable, Sendable, CustomStringConvertible {
    /// `repository:library/alpine`.
    var resource: String
    var actions: Set<String>

    var description: String { "\(resource):\(actions.sorted().joined(separator: ","))" }

    /// Scopes of a challenge, separated by spaces. What has no actions is dropped.
    static func parse(_ text: String) -> [TokenScope] {
        text.split(separator: " ").compactMap { scope in
            // A repository's registry may have a port, so the actions are behind the last colon.
            guard let colon = scope.lastIndex(of: ":"), colon != scope.startIndex else { return nil }
            let actions = scope[scope.index(after: colon)...].split(separator: ",").map(String.init)
            return actions.isEmpty ? nil : TokenScope(resource: String(scope[..<colon]), actions: Set(actions))
        }
    }

    /// One scope a resource, in a fixed order.
    static func merged(_ scopes: [TokenScope]) -> [TokenScope] {
        var byResource: [String: Set<String>] = [:]
        for scope in scopes { byResource[scope.resource, default: []].formUnion(scope.actions) }
        return byResource.map { TokenScope(resource: $0.key, actions: $0.value) }.sorted { $0.resource < $1.resource }
    }

    /// Whether a token for `granted` is good for this too.
    func isIn(_ granted: [TokenScope]) -> Bool {
        granted.contains { $0.resource == resource && ($0.actions.isSuperset(of: actions) || $0.actions.contains("*")) }
    }
}
