import BundleKit
import Crypto
import Foundation
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Docker's default system call filter")
struct SeccompTests {
    private let standard = [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ]

    /// Those that allow a system call.
    private let granting = [
        "CAP_BPF", "CAP_DAC_READ_SEARCH", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE",
        "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
    ]

    private func allowed(_ profile: RuntimeConfiguration.Seccomp) -> Set<String> {
        Set((profile.syscalls ?? []).filter { $0.action == .allow && $0.args == nil }.flatMap(\.names))
    }

    @Test func `what is always allowed, and what never`() {
        let profile = DefaultSeccompProfile.configuration(capabilities: standard, architecture: .amd64, kernel: KernelVersion(6, 1))
        #expect(profile.defaultAction == .errno && profile.defaultErrnoRet == 1)
        #expect(profile.architectures == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"])
        let names = allowed(profile)
        for name in ["read", "execve", "futex", "statx", "ptrace", "chroot", "arch_prctl", "openat2", "landlock_add_rule"] {
            #expect(names.contains(name), "\(name)")
        }
        for name in [
            "mount", "unshare", "setns", "bpf", "keyctl", "add_key", "kexec_load", "reboot", "clone", "clone3", "io_uring_setup",
            "userfaultfd",
        ] {
            #expect(!names.contains(name), "\(name)")
        }
        let clone3 = profile.syscalls?.first { $0.names == ["clone3"] }
        #expect(clone3?.action == .errno && clone3?.errnoRet == 38)
        let clone = profile.syscalls?.first { $0.names == ["clone"] }
        #expect(clone?.args == [.init(index: 0, value: 2_114_060_288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ")])
    }

    @Test func `conditions on capabilities, architecture and kernel`() {
        let admin = DefaultSeccompProfile.configuration(
            capabilities: standard + ["CAP_SYS_ADMIN"], architecture: .arm64, kernel: KernelVersion(6, 1))
        let names = allowed(admin)
        #expect(names.isSuperset(of: ["mount", "clone", "clone3", "unshare", "set_tls"]) && !names.contains("arch_prctl"))
        #expect(admin.syscalls?.contains { $0.names == ["clone3"] } == false)
        #expect(admin.architectures == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
        let old = DefaultSeccompProfile.configuration(capabilities: [], architecture: .amd64, kernel: KernelVersion(4, 7))
        #expect(!allowed(old).contains("ptrace") && !allowed(old).contains("chroot"))
        let tracer = DefaultSeccompProfile.configuration(
            capabilities: ["CAP_SYS_PTRACE"], architecture: .amd64, kernel: KernelVersion(4, 7))
        #expect(allowed(tracer).isSuperset(of: ["ptrace", "pidfd_getfd"]))
        #expect(KernelVersion(release: "6.1.0-18-amd64") == KernelVersion(6, 1) && KernelVersion(release: "x") == nil)
        #expect(KernelVersion(4, 19) > KernelVersion(4, 8) && KernelVersion.running > KernelVersion(5, 0))
    }

    @Test func `address families`() {
        let profile = DefaultSeccompProfile.configuration(capabilities: standard)
        let rules = (profile.syscalls ?? []).filter { $0.names == ["socket"] }.compactMap { $0.args?.first }
        func allows(_ family: UInt64) -> Bool {
            rules.contains { $0.op == "SCMP_CMP_LT" ? family < $0.value : family == $0.value }
        }
        for family in [UInt64](0...11) + [16, 17] { #expect(allows(family), "\(family)") }
        for family in [UInt64(12), 38, 40, 46, 1 << 32] { #expect(!allows(family), "\(family)") }
    }

    /// Each rule on a line, sorted: digests of what moby/profiles' default.json of 2025 says, worked out apart from this package.
    @Test(arguments: [
        (Capabilities.docker, 400, "334e4c80a8219e2a38e73d8abfdd42b00ecc2cca99b50de9236129ca22ecec59"),
        (Capabilities.all, 444, "4abec301baf07124aeaaefb619e4490a24ca2935dc296e51b6705c9f760ed4ee"),
    ])
    func `equals Docker's file, rule by rule`(capabilities: Capabilities, count: Int, digest: String) {
        let names = standard + (capabilities == .docker ? [] : granting)
        let profile = DefaultSeccompProfile.configuration(capabilities: names, architecture: .amd64, kernel: KernelVersion(6, 1))
        let lines = Set(
            (profile.syscalls ?? []).flatMap { rule in
                let action = rule.action == .allow ? "allow" : "errno \(rule.errnoRet ?? 0)"
                let conditions = (rule.args ?? []).map { " \($0.index) \($0.op) \($0.value) \($0.valueTwo ?? 0)" }.joined()
                return rule.names.map { "\(action) \($0)\(conditions)" }
            }
        ).sorted()
        #expect(lines.count == count)
        let found = SHA256.hash(data: Array(lines.joined(separator: "\n").utf8)).map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }
        #expect(found.joined() == digest, "\(lines.joined(separator: "\n"))")
    }

    enum Capabilities: Sendable {
        case docker, all
    }

    /// Podman's profile is a sibling: what both allow without a condition has to agree but for what is listed here.
    @Test(.enabled(if: Files.exists("/usr/share/containers/seccomp.json"), "Debian's containers-common is not installed"))
    func `agrees with podman's profile but for the known differences`() throws {
        struct Profile: Decodable {
            struct Rule: Decodable {
                struct Condition: Decodable {
                    var caps: [String]?
                    var arches: [String]?
                }
                var names: [String]
                var action: String
                var args: [[String: AnyNumber]]?
                var includes: Condition?
            }
            var syscalls: [Rule]
        }
        struct AnyNumber: Decodable {
            init(from decoder: any Decoder) throws {}
        }
        let file = try JSONDecoder().decode(Profile.self, from: Data(try Files.read("/usr/share/containers/seccomp.json")))
        let theirs = Set(
            file.syscalls.filter { rule in
                rule.action == "SCMP_ACT_ALLOW" && (rule.args ?? []).isEmpty && rule.includes?.caps == nil
                    && (rule.includes?.arches.map { $0.contains("amd64") } ?? true)
            }.flatMap(\.names))
        let ours = allowed(DefaultSeccompProfile.configuration(capabilities: [], architecture: .amd64, kernel: KernelVersion(6, 1)))
        // Podman lets its users mount and unshare inside of user namespaces, and the keyrings; Docker does not.
        #expect(theirs.subtracting(ours).isSuperset(of: ["mount", "unshare", "keyctl", "clone", "clone3"]))
        #expect(theirs.intersection(ours).count > 320)
        #expect(theirs.subtracting(ours).count < 40, "\(theirs.subtracting(ours).sorted())")
        // Only what is younger than Debian's file, or needs a capability or an old machine there.
        #expect(ours.subtracting(theirs).count < 60, "\(ours.subtracting(theirs).sorted())")
    }
}
