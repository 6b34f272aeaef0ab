import CLinux
import Glibc
package import Testing

extension Tag {
    /// Needs root: namespaces, mounts and cgroups are made for real.
    @Tag package static var privileged: Self
}

/// What the suite may do on this machine.
package enum Privileges {
    /// True where the process has every right that the privileged tests use.
    package static var isRoot: Bool { geteuid() == 0 }

    /// Says in the test's report why it was skipped. `make test` counts the skips and, as root, allows none for this reason.
    package static let reason: Comment = "needs root: run `make test` as root"
}

extension Trait where Self == ConditionTrait {
    /// Runs the test only as root, and otherwise reports it as skipped with the reason.
    package static var needsRoot: Self { .enabled(if: Privileges.isRoot, Privileges.reason) }

    /// Runs the test only where all `programs` are installed, and otherwise reports it as skipped with their names.
    package static func needsPrograms(_ programs: String...) -> Self {
        let missing = programs.filter { Command.find($0) == nil }
        return .enabled(if: missing.isEmpty, "not installed: \(missing.joined(separator: ", ")); `.ci/install` installs it")
    }
}
