internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Programs of the host that map ids for users without privileges, as far as /etc/subuid and /etc/subgid allow.
/// See: man 1 newuidmap.
package enum IDMapProgram: String, Sendable {
    case user = "newuidmap"
    case group = "newgidmap"

    /// Whether the kernel takes the map from this process only through a helper: it maps more than one id, or another's.
    package static func isNeeded(for mappings: [NamespacePlan.IDMapping], own id: UInt32) -> Bool {
        mappings.count != 1 || mappings[0].size != 1 || mappings[0].host != id
    }

    /// Where it is installed; nil where it is not.
    package var path: String? {
        for directory in ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"] {
            let path = "\(directory)/\(rawValue)"
            if (try? OwnedDescriptor.open(path, flags: O_PATH)) != nil { return path }
        }
        return nil
    }

    /// Runs it.
    /// - Throws: `Errno.notPermitted` when it refuses, `Errno.noSuchFileOrDirectory` when it is not installed.
    func write(_ mappings: [NamespacePlan.IDMapping], pid: CInt) throws(Errno) {
        guard let path else { throw .noSuchFileOrDirectory }
        let numbers = mappings.flatMap { [String($0.container), String($0.host), String($0.size)] }
        let program = HookPlan(path: path, arguments: [rawValue, String(pid)] + numbers, environment: [], timeout: 10)
        do throws(HookFailure) { try HookProcess.run(program, state: "") } catch {
            if case .notStarted(let errno) = error { throw Errno(rawValue: errno) }
            throw .notPermitted
        }
    }
}
