internal import JSONCoding
internal import OCIModel
internal import RuntimeChild

/// Whom a filter asks, and what it is told. See: runtime-spec config-linux.md, "The Container Process State".
enum SeccompListener {
    /// nil for a profile that asks nobody.
    static func plan(
        _ profile: RuntimeConfiguration.Seccomp, configuration: RuntimeConfiguration, bundle: String, container: String, isExec: Bool
    ) -> SeccompListenerPlan? {
        guard let path = profile.listenerPath, (profile.syscalls ?? []).contains(where: { $0.action == .notify }) else { return nil }
        let version = JSONValue.string(configuration.ociVersion)
        var state: [(String, JSONValue)] = [
            ("ociVersion", version), ("id", .string(container)), ("status", .string(isExec ? "running" : "creating")),
            ("bundle", .string(bundle)),
        ]
        let annotations = (configuration.annotations ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        if !annotations.isEmpty { state.append(("annotations", .object(annotations))) }
        var process: [(String, JSONValue)] = [("ociVersion", version), ("fds", .array([.string("seccompFd")]))]
        if let metadata = profile.listenerMetadata, !metadata.isEmpty { process.append(("metadata", .string(metadata))) }
        // Two objects, each with the pid as its last member.
        let outer = JSONValue.object(process).text().dropLast() + ",\"pid\":"
        let inner = ",\"state\":" + JSONValue.object(state).text().dropLast() + ",\"pid\":"
        return SeccompListenerPlan(path: path, state: [String(outer), String(inner), "}}"])
    }
}
