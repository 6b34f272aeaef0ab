internal import Glibc

extension HostFeatures {
    /// What is there or not.
    enum Question: UInt8, CaseIterable, Sendable {
        case makingCgroups, overlay, userNamespaces, timeNamespaces, seccompFilters, appArmor, seLinux
    }

    /// Answers to some questions.
    struct Answers: Sendable, Hashable {
        private var known: UInt8 = 0
        private var positive: UInt8 = 0

        init() {}

        /// Whatever is asked, it is there.
        static var all: Answers {
            var answers = Answers()
            for question in Question.allCases { answers[question] = true }
            return answers
        }

        /// Nil for one that is open.
        subscript(_ question: Question) -> Bool? {
            get { known & 1 << question.rawValue == 0 ? nil : positive & 1 << question.rawValue != 0 }
            set {
                let bit: UInt8 = 1 << question.rawValue
                known = newValue == nil ? known & ~bit : known | bit
                positive = newValue == true ? positive | bit : positive & ~bit
            }
        }
    }

    /// Which versions of cgroups are mounted.
    public var cgroupMode: CgroupHost.Mode { cgroups.mode }
    /// Controllers that can limit a container.
    public var cgroupControllers: [String] { cgroups.controllers }
    /// Whether cgroups can be made: as root, or in a delegated subtree.
    public var canMakeCgroups: Bool { answer(.makingCgroups) }
    /// Whether the kernel has overlay file systems, perhaps as a module.
    public var hasOverlay: Bool { answer(.overlay) }
    /// Whether this process may make user namespaces.
    public var hasUserNamespaces: Bool { answer(.userNamespaces) }
    /// Whether the kernel has time namespaces.
    public var hasTimeNamespaces: Bool { answer(.timeNamespaces) }
    /// Whether the kernel has seccomp filters.
    public var hasSeccompFilters: Bool { answer(.seccompFilters) }
    /// Whether AppArmor is enabled.
    public var hasAppArmor: Bool { answer(.appArmor) }
    /// Whether SELinux is enabled.
    public var hasSELinux: Bool { answer(.seLinux) }

    func answer(_ question: Question) -> Bool { answers[question] ?? look(question) }

    private func look(_ question: Question) -> Bool {
        switch question {
        case .makingCgroups: return canMakeCgroupsHere
        case .overlay:
            let types = (try? HostFile.text("/proc/filesystems")) ?? ""
            return types.split(separator: "\n").contains { $0.hasSuffix("\toverlay") }
                || HostFile.exists("/lib/modules/\(release)/kernel/fs/overlayfs")
        case .userNamespaces:
            guard HostFile.exists("/proc/self/ns/user"), HostFile.trimmed("/proc/sys/user/max_user_namespaces") != "0" else { return false }
            // Switches of Debian and Ubuntu that concern only unprivileged processes.
            return userID == 0
                || HostFile.trimmed("/proc/sys/kernel/unprivileged_userns_clone") != "0"
                    && HostFile.trimmed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != "1"
        case .timeNamespaces: return HostFile.exists("/proc/self/ns/time")
        case .seccompFilters:
            return HostFile.exists("/proc/sys/kernel/seccomp/actions_avail")
                || ((try? HostFile.text("/proc/self/status")) ?? "").contains("\nSeccomp_filters:")
        case .appArmor: return HostFile.trimmed("/sys/module/apparmor/parameters/enabled") == "Y"
        case .seLinux: return HostFile.exists("/sys/fs/selinux/enforce")
        }
    }

    private var canMakeCgroupsHere: Bool {
        guard cgroups.mode != .none else { return false }
        let places = userID == 0 ? cgroups.hierarchies.map(\.mountPoint) : cgroups.unified.map { [$0.directory($0.ownPath)] } ?? []
        return !places.isEmpty && places.allSatisfy { access($0, W_OK) == 0 }
    }
}
