internal import OCIModel

/// Fields that are valid in the specification and that nothing here enforces: each is refused by its name.
enum UnsupportedFields {
    static func check(_ configuration: RuntimeConfiguration, features: HostFeatures, allowsHooks: Bool) throws(RuntimeError) {
        try version(configuration.ociVersion)
        if !allowsHooks { try hooks(configuration.hooks) }
        guard let linux = configuration.linux else { return }
        if linux.intelRdt != nil {
            guard HostFile.exists("/sys/fs/resctrl/schemata") else {
                throw .hostLacks(
                    "linux.intelRdt", "no resctrl file system is mounted",
                    advice: "Mount it, where the processor has it: `mount -t resctrl resctrl /sys/fs/resctrl`.")
            }
            throw .unsupported("linux.intelRdt")
        }
        if !(linux.mountLabel ?? "").isEmpty, !features.hasSELinux {
            throw .hostLacks("linux.mountLabel", "SELinux is not enabled", advice: "Boot with selinux=1, or leave the label out.")
        }
    }

    /// Every 1.x is a subset of what this package knows, or adds fields that a decoder does not see.
    private static func version(_ version: String) throws(RuntimeError) {
        let numbers = version.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false).map { UInt($0) }
        guard numbers.count == 3, !numbers.contains(nil) else { throw .invalid("ociVersion", "\"\(version)\" is no version") }
        guard numbers[0] == 1 else {
            throw .unsupported(
                "ociVersion", "\(version) is not a version 1 of the runtime specification", advice: "Write a 1.x configuration.")
        }
    }

    private static func hooks(_ hooks: RuntimeConfiguration.Hooks?) throws(RuntimeError) {
        guard let hooks else { return }
        let lists = [
            ("prestart", hooks.prestart), ("createRuntime", hooks.createRuntime), ("createContainer", hooks.createContainer),
            ("startContainer", hooks.startContainer), ("poststart", hooks.poststart), ("poststop", hooks.poststop),
        ]
        for (name, list) in lists where !(list ?? []).isEmpty { throw .unsupported("hooks.\(name)", "hooks are not supported") }
    }
}
