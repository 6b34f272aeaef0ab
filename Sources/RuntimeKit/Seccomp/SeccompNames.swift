internal import CSeccomp
internal import OCIModel

/// Words of the specification for libseccomp's numbers. See: man 3 seccomp_arch_add, seccomp_rule_add.
enum SeccompNames {
    /// Tokens of architectures, which are the kernel's `AUDIT_ARCH_…` (but for x32, which shares that of x86-64).
    static func architecture(_ name: String) -> UInt32? {
        switch name {
        case "SCMP_ARCH_X86": 0x4000_0003
        case "SCMP_ARCH_X86_64": 0xc000_003e
        case "SCMP_ARCH_X32": 0x4000_003e
        case "SCMP_ARCH_ARM": 0x4000_0028
        case "SCMP_ARCH_AARCH64": 0xc000_00b7
        default: nil
        }
    }

    /// Architectures that libseccomp knows but on which this package does not run: a rule for them can never match, and
    /// profiles list them all.
    static let foreign: Set<String> = [
        "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",
        "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390",
        "SCMP_ARCH_S390X", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",
    ]

    static func comparison(_ name: String) -> scmp_compare? {
        switch name {
        case "SCMP_CMP_NE": SCMP_CMP_NE
        case "SCMP_CMP_LT": SCMP_CMP_LT
        case "SCMP_CMP_LE": SCMP_CMP_LE
        case "SCMP_CMP_EQ": SCMP_CMP_EQ
        case "SCMP_CMP_GE": SCMP_CMP_GE
        case "SCMP_CMP_GT": SCMP_CMP_GT
        case "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ
        default: nil
        }
    }

    /// The value of an action, the kernel's `SECCOMP_RET_…`; nil for one that this package does not know.
    /// - Parameter data: errno or trace data, where the action takes one; nil is EPERM.
    static func action(_ action: RuntimeConfiguration.SeccompAction, data: UInt32?) -> UInt32? {
        switch action {
        case .kill, .killThread: 0x0000_0000
        case .killProcess: 0x8000_0000
        case .trap: 0x0003_0000
        case .errno: 0x0005_0000 | (data ?? 1) & 0xffff
        case .trace: 0x7ff0_0000 | (data ?? 1) & 0xffff
        case .log: 0x7ffc_0000
        case .notify: 0x7fc0_0000
        case .allow: 0x7fff_0000
        default: nil
        }
    }

    /// `SECCOMP_FILTER_FLAG_…` of linux/seccomp.h.
    static func flag(_ name: String) -> UInt32? {
        switch name {
        case "SECCOMP_FILTER_FLAG_TSYNC": 1
        case "SECCOMP_FILTER_FLAG_LOG": 2
        case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4
        case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32
        default: nil
        }
    }

    static var libraryVersion: String {
        guard let version = seccomp_version()?.pointee else { return "unknown" }
        return "\(version.major).\(version.minor).\(version.micro)"
    }
}
