import BundleKit
import OCIModel

/// What all subjects run in turns: `true` in a container with limits.
struct Scenario {
    let name: String
    /// Docker's default system call filter.
    var hasFilter = false
    /// The root is an overlay over the directory, with an upper directory of its own for each run.
    var hasOverlay = false

    static let all = [
        Scenario(name: "run-true"), Scenario(name: "run-true-seccomp", hasFilter: true),
        Scenario(name: "run-true-overlay", hasOverlay: true),
    ]

    func configuration(root: String, command: [String], subject: String) -> RuntimeConfiguration {
        let filter = hasFilter ? DefaultSeccompProfile.configuration(capabilities: BundleConfiguration.capabilities) : nil
        return BundleConfiguration.make(root: root, command: command, cgroup: "/containerkit-bench/\(subject)", seccomp: filter)
    }
}
