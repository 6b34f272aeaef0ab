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
    /// The cgroups of this machine.
    var cgroups: CgroupHost
    /// What has been looked at, or given.
    var answers = Answers()
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
        var features = ofProcess(cgroups: cgroups)
        for question in Question.allCases { features.answers[question] = features.answer(question) }
        return features
    }

    /// The kernel and this process alone: the rest is looked at when it is asked for, each time.
    static func ofProcess(cgroups: CgroupHost) -> HostFeatures {
        var system = utsname()
        uname(&system)
        let release = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let machine = withUnsafeBytes(of: &system.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let status = (try? HostFile.text("/proc/self/status")) ?? ""
        let last = HostFile.trimmed("/proc/sys/kernel/cap_last_cap").flatMap { Int($0) } ?? 40
        return HostFeatures(
            release: release, kernel: KernelVersion(release: release), architecture: machine, userID: geteuid(), groupID: getegid(),
            cgroups: cgroups, lastCapability: last, effective: set("CapEff", in: status),
            available: set("CapPrm", in: status) & set("CapBnd", in: status), ignoredSignals: set("SigIgn", in: status))
    }

    private static func set(_ name: String, in status: String) -> UInt64 {
        // Bytes: it is read for each process that a runtime command makes, and letters cost much more.
        for line in status.utf8.split(separator: UInt8(ascii: "\n")) where line.starts(with: name.utf8) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return 0 }
            let digits = line[line.index(after: colon)...].drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
            return UInt64(Substring(digits), radix: 16) ?? 0
        }
        return 0
    }
}
