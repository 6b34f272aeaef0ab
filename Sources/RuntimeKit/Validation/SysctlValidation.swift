internal import OCIModel

/// Kernel parameters that belong to a namespace of the container: others would change the host. See: runtime-spec
/// config-linux.md "Sysctl", man 7 ipc_namespaces, man 7 network_namespaces.
enum SysctlValidation {
    private static let ipc: Set<String> = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ]

    /// The writes, in order of names.
    static func steps(_ configuration: RuntimeConfiguration) throws(RuntimeError) -> [(name: String, value: String)] {
        guard let parameters = configuration.linux?.sysctl, !parameters.isEmpty else { return [] }
        guard (configuration.mounts ?? []).contains(where: { $0.type == "proc" && $0.destination.split(separator: "/") == ["proc"] }) else {
            throw .invalid("linux.sysctl", "needs procfs on /proc of the container", advice: "Add the mount.")
        }
        var result: [(name: String, value: String)] = []
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            let field = "linux.sysctl[\(name)]"
            // Interface names may hold dots; then the whole name is written with slashes.
            let dotted = name.contains("/") ? String(name.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 }) : name
            let isPlain = name.utf8.allSatisfy { byte in
                (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || "._-/@:".utf8.contains(byte)
            }
            let parts = name.split(separator: name.contains("/") ? "/" : ".", omittingEmptySubsequences: false)
            guard isPlain, parts.count > 1, !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
                throw .invalid(field, "is no name of a kernel parameter")
            }
            if value.utf8.contains(0) { throw .invalid(field, "its value holds a NUL") }
            let needed: RuntimeConfiguration.NamespaceType
            if ipc.contains(dotted) || dotted.hasPrefix("fs.mqueue.") {
                needed = .ipc
            } else if dotted.hasPrefix("net.") {
                needed = .network
            } else if dotted == "kernel.domainname" {
                needed = .uts
            } else if dotted == "kernel.hostname" {
                throw .invalid(field, "is set by `hostname`", advice: "Use that field.")
            } else if dotted.hasPrefix("user.") {
                needed = .user
            } else {
                throw .invalid(
                    field, "is not a parameter of a namespace: writing it would change the host",
                    advice: "Set it on the host, if that is what you want.")
            }
            guard configuration.hasNamespace(needed) else {
                throw .invalid(
                    field, "belongs to the \(needed.rawValue) namespace, which the container shares with the host",
                    advice: "Give the container a \(needed.rawValue) namespace, or set the parameter on the host.")
            }
            result.append((name, value))
        }
        return result
    }
}
