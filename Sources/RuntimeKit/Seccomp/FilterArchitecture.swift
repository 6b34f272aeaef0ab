internal import CSeccomp

/// One of the architectures that a filter knows.
struct FilterArchitecture: Sendable, Hashable {
    /// libseccomp's token.
    var token: UInt32

    static let x86 = FilterArchitecture(token: 0x4000_0003)
    static let x8664 = FilterArchitecture(token: 0xc000_003e)
    static let x32 = FilterArchitecture(token: 0x4000_003e)
    static let arm = FilterArchitecture(token: 0x4000_0028)
    static let aarch64 = FilterArchitecture(token: 0xc000_00b7)

    /// The one this program was built for.
    static var native: FilterArchitecture { FilterArchitecture(token: seccomp_arch_native()) }

    /// Those whose programs this machine can run beside its own; rules for others never match.
    var compatible: [FilterArchitecture] {
        switch self {
        case .x8664: [.x86, .x32]
        case .aarch64: [.arm]
        default: []
        }
    }

    /// The number of a system call, which for x32 carries bit 30; nil where the architecture does not have it.
    func number(of name: String) -> UInt32? {
        let number = seccomp_syscall_resolve_name_arch(token, name)
        guard number >= 0 else { return nil }
        return self == .x32 ? UInt32(number) | Self.x32Bit : UInt32(number)
    }

    /// `__X32_SYSCALL_BIT`.
    static let x32Bit: UInt32 = 0x4000_0000

    /// The last number that Linux 4.18 had: a call up to it is old enough for every profile to have been asked about it, so its
    /// absence is meant, whereas a later one may just be unknown to the profile.
    var lastOldCall: UInt32 {
        switch self {
        case .x86: 386
        case .x8664: 334
        case .x32: Self.x32Bit | 547
        case .arm: 398
        case .aarch64: 293
        default: 0
        }
    }
}
