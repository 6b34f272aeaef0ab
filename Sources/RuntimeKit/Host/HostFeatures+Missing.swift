internal import OCIModel

extension HostFeatures {
    /// What is missing here, the required first.
    public var missing: [Missing] {
        var list: [Missing] = []
        func lack(_ isThere: Bool, required: Bool = false, _ feature: String, _ consequence: String, _ advice: String) {
            if !isThere { list.append(Missing(feature: feature, consequence: consequence, advice: advice, isRequired: required)) }
        }
        lack(
            (kernel ?? .minimum) >= .minimum, required: true, "Linux \(KernelVersion.minimum) or later",
            "this is \(release), which lacks system calls that every launch makes", "Install a newer kernel.")
        lack(
            ["x86_64", "aarch64"].contains(architecture), required: true, "x86-64 or arm64", "this is \(architecture)",
            "Run on one of these machines.")
        lack(
            isPrivileged || hasUserNamespaces, required: true, "rights to make namespaces",
            "neither CAP_SYS_ADMIN nor user namespaces are there, so no container can be made",
            "Run as root, or allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000` "
                + "(and on Ubuntu `kernel.apparmor_restrict_unprivileged_userns=0`).")
        lack(
            cgroupMode != .none, "cgroups", "limits and statistics do not work", "Mount them: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`.")
        lack(
            cgroupMode == .none || canMakeCgroups, "a writable cgroup", "limits and statistics do not work",
            "Run as root, or in a unit with Delegate=yes: `systemd-run --user --scope -p Delegate=yes <program>`.")
        for controller in ["memory", "pids", "cpu"] where cgroupMode != .none {
            lack(
                cgroupControllers.contains(controller), "the cgroup controller \(controller)", "\(controller) limits are refused",
                "Boot with `cgroup_enable=\(controller)`, and hand it down to this process's cgroup.")
        }
        lack(
            hasOverlay, "overlay file systems", "images cannot be run without copying them", "Load the module: `modprobe overlay`.")
        lack(
            hasSeccompFilters, "seccomp filters", "system call filters are refused",
            "Use a kernel with CONFIG_SECCOMP_FILTER, or a configuration without a filter.")
        lack(
            hasUserNamespaces, "user namespaces", "containers with own user ids are refused",
            "Set the sysctl user.max_user_namespaces above 0.")
        lack(hasTimeNamespaces, "time namespaces", "clock offsets are refused", "Use a kernel with CONFIG_TIME_NS.")
        return list.filter(\.isRequired) + list.filter { !$0.isRequired }
    }

    /// Whether this process holds CAP_SYS_ADMIN.
    public var isPrivileged: Bool { effective & (1 << 21) != 0 }

    /// - Throws: `RuntimeError.Code.hostLacksFeature` that names all of what no container can run without.
    public func requireMinimum() throws(RuntimeError) {
        let required = missing.filter(\.isRequired)
        guard let first = required.first else { return }
        throw RuntimeError(
            .hostLacksFeature, .host, required.map { "\($0.feature) is missing: \($0.consequence)" }.joined(separator: "; "),
            advice: required.count == 1 ? first.advice : required.map(\.advice).joined(separator: " "))
    }
}
