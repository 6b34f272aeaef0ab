internal import Glibc
public import OCIModel

/// What this kernel and the rights of this process allow.
public struct HostFeatures: Sendable, Hashable {
    /// The kernel's release, as `uname -r` prints it.
    public var release: String
    /// The kernel's version; nil when the release has an unusual form.
    public var kernel: KernelVersion?
    /// The machine, `x86_64` or `aarch64`.
    public var architecture: String
    /// Effective user id of this process.
    public var userID: UInt32
    /// Effective group id of this process.
    package var groupID: UInt32 = 0
    /// Which versions of cgroups are mounted.
    public var cgroupMode: CgroupHost.Mode
    /// Controllers that can limit a container.
    public var cgroupControllers: [String]
    /// Whether cgroups can be made: as root, or in a delegated subtree.
    public var canMakeCgroups: Bool
    /// Whether the kernel has overlay file systems, perhaps as a module.
    public var hasOverlay: Bool
    /// Whether this process may make user namespaces.
    public var hasUserNamespaces: Bool
    /// Whether the kernel has time namespaces.
    public var hasTimeNamespaces: Bool
    /// Whether the kernel has seccomp filters.
    public var hasSeccompFilters: Bool
    /// Whether AppArmor is enabled.
    public var hasAppArmor: Bool
    /// Whether SELinux is enabled.
    public var hasSELinux: Bool
    /// Names of the effective capabilities of this process.
    public var capabilities: [String] { CapabilityName.names(effective) }
    /// The highest capability that the kernel knows.
    public var lastCapability: Int
    /// Bits of the effective and of the permitted and bounding sets.
    package var effective: UInt64
    package var available: UInt64
    /// Signals that whoever started this process had it ignore: bit 0 is signal 1.
    var ignoredSignals: UInt64 = 0

    /// Something this host lacks, and what to do about it.
    public struct Missing: Sendable, Hashable, CustomStringConvertible {
        /// What is not there.
        public var feature: String
        /// What does not work without it.
        public var consequence: String
        /// How to get it.
        public var advice: String
        /// Whether no container can run without it.
        public var isRequired: Bool

        /// One line for a person.
        public var description: String { "\(feature): \(consequence). \(advice)" }
    }

    /// Looks at the kernel, at the mounted file systems and at this process. Blocks for about a millisecond.
    public static func detect(cgroups: CgroupHost = .detect()) -> HostFeatures {
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let machine = withUnsafeBytes(of: &system.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let status = (try? HostFile.text("/proc/self/status")) ?? ""
        let last = HostFile.trimmed("/proc/sys/kernel/cap_last_cap").flatMap { Int($0) } ?? 40
        let isRoot = geteuid() == 0
        let fileSystems = (try? HostFile.text("/proc/filesystems")) ?? ""
        let modules = "/lib/modules/\(release)/kernel/fs/overlayfs"
        return HostFeatures(
            release: release, kernel: KernelVersion(release: release), architecture: machine, userID: geteuid(),
            groupID: getegid(), cgroupMode: cgroups.mode, cgroupControllers: cgroups.controllers,
            canMakeCgroups: canMakeCgroups(cgroups, isRoot: isRoot),
            hasOverlay: fileSystems.split(separator: "\n").contains { $0.hasSuffix("\toverlay") } || HostFile.exists(modules),
            hasUserNamespaces: hasUserNamespaces(isRoot: isRoot),
            hasTimeNamespaces: HostFile.exists("/proc/self/ns/time"),
            hasSeccompFilters: HostFile.exists("/proc/sys/kernel/seccomp/actions_avail") || status.contains("\nSeccomp_filters:"),
            hasAppArmor: HostFile.trimmed("/sys/module/apparmor/parameters/enabled") == "Y",
            hasSELinux: HostFile.exists("/sys/fs/selinux/enforce"), lastCapability: last,
            effective: set("CapEff", in: status), available: set("CapPrm", in: status) & set("CapBnd", in: status),
            ignoredSignals: set("SigIgn", in: status))
    }

    private static func set(_ name: String, in status: String) -> UInt64 {
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
            return UInt64(String(line.dropFirst(name.count + 1)).trimmingASCIISpace, radix: 16) ?? 0
        }
        return 0
    }

    private static func hasUserNamespaces(isRoot: Bool) -> Bool {
        guard HostFile.exists("/proc/self/ns/user"), HostFile.trimmed("/proc/sys/user/max_user_namespaces") != "0" else { return false }
        // Switches of Debian and Ubuntu that concern only unprivileged processes.
        return isRoot
            || HostFile.trimmed("/proc/sys/kernel/unprivileged_userns_clone") != "0"
                && HostFile.trimmed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != "1"
    }

    private static func canMakeCgroups(_ host: CgroupHost, isRoot: Bool) -> Bool {
        guard host.mode != .none else { return false }
        let places = isRoot ? host.hierarchies.map(\.mountPoint) : host.unified.map { [$0.directory($0.ownPath)] } ?? []
        return !places.isEmpty && places.allSatisfy { access($0, W_OK) == 0 }
    }
}
