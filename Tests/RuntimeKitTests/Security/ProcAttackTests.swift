import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Attacks by way of /proc: false ones, and links in it.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ProcAttackTests {
    private static let parameter = "net.ipv4.ip_default_ttl"

    /// A /proc of the attacker's over the container's own, with a second true one beside it.
    private func falseProc(_ volume: FilePath, _ configuration: inout RuntimeConfiguration) {
        configuration.mounts?.append(.init(destination: "/proc", source: volume.string, options: ["bind"]))
        configuration.mounts?.append(.init(destination: "/true", type: "proc", source: "proc"))
        configuration.linux?.maskedPaths = nil
        configuration.linux?.readonlyPaths = nil
    }

    /// CVE-2019-19921 (and 2019-16884): a volume over /proc swallows what confines the container.
    @Test func aVolumeOverProcSwallowsNothing() async throws {
        try await Attack.with { attack in
            let volume = attack.volume
            _ = try Command.run(
                "sh", "-c",
                "mkdir -p \(volume)/sys/net/ipv4 \(volume)/self; cd \(volume); : > sys/net/ipv4/ip_default_ttl; : > self/oom_score_adj")
            let result = try await CompiledLaunch.run("cat /true/sys/net/ipv4/ip_default_ttl /true/self/oom_score_adj") {
                $0.linux?.sysctl = [Self.parameter: "33"]
                $0.process?.oomScoreAdj = 321
                falseProc(volume, &$0)
            }
            #expect(result.standardOutput == "33\n321\n", "\(result.standardError)")
            #expect(try Files.text(volume.appending("sys/net/ipv4/ip_default_ttl")) == "")
            #expect(try Files.text(volume.appending("self/oom_score_adj")) == "")
            let naive = try NaiveRuntime.run(
                volume,
                "mkdir -p $root/proc; mount --bind $root $root/proc; echo 33 > $root/proc/sys/net/ipv4/ip_default_ttl; cat $root/sys/net/ipv4/ip_default_ttl"
            )
            #expect(naive.standardOutput == "33\n", "the attack takes the write")
        }
    }

    /// CVE-2025-52881: a write to one file of procfs is led to another by a link, or by a mount on it. Being on procfs is not enough.
    @Test(arguments: ["link", "mount"]) func aWriteIsNotLedToAnotherFileOfProc(_ kind: String) async throws {
        try await Attack.with { attack in
            let volume = attack.volume
            _ = try Command.run("mkdir", "-p", "\(volume)/sys/net/ipv4")
            let place = volume.appending("sys/net/ipv4/ip_default_ttl").string
            if kind == "link" { symlink("/true/sys/kernel/domainname", place) } else { try Files.write("", to: FilePath(place)) }
            func attacked(weakened: Bool) async throws -> [String] {
                let result = try await CompiledLaunch.run(
                    (weakened ? "echo 33 > /proc/sys/net/ipv4/ip_default_ttl; " : "")
                        + "cat /true/sys/kernel/domainname /true/sys/net/ipv4/ip_default_ttl"
                ) {
                    if !weakened { $0.linux?.sysctl = [Self.parameter: "33"] }
                    $0.domainname = nil
                    $0.process?.capabilities = .init(
                        bounding: ["CAP_SYS_ADMIN"], effective: ["CAP_SYS_ADMIN"], permitted: ["CAP_SYS_ADMIN"])
                    falseProc(volume, &$0)
                } weaken: { plan in
                    guard kind == "mount" else { return }
                    // A file of the true one on the false one's: procfs all the way.
                    plan.trees.append(
                        .bind(
                            source: "/proc/sys/kernel/domainname", recursive: false, set: 0, clear: 0, attributesRecursive: false,
                            propagation: MountPropagationFlag.slave, field: "test"))
                    let index = plan.steps.firstIndex { if case .setSysctl = $0 { true } else { $0 == .pivotRoot } } ?? 0
                    plan.steps.insert(
                        .attach(tree: UInt32(plan.trees.count - 1), target: "/proc/sys/net/ipv4/ip_default_ttl"), at: index)
                }
                return result.standardOutput.split(separator: "\n").map(String.init)
            }
            let real = try await attacked(weakened: false)
            #expect(real.last == "33" && real.first != "33", "\(real)")
            let naive = try await attacked(weakened: true)
            #expect(naive.first == "33" && naive.last != "33", "the attack changes the other parameter: \(naive)")
        }
    }

    /// CVE-2023-27561 and CVE-2023-28642: the image's /proc (or /sys) is a link, so that what is hidden is hidden elsewhere.
    @Test(arguments: ["/proc", "/sys"]) func aLinkInPlaceOfProcHidesAsWell(_ path: String) async throws {
        func attacked(weakened: Bool) async throws -> String {
            try await CompiledLaunch.run(
                path == "/proc"
                    ? "grep -q . /elsewhere/version && echo readable; (echo 9 > /elsewhere/sys/kernel/msgmax) 2> /dev/null && echo writable; true"
                    : "ls /elsewhere/kernel | grep -q . && echo readable; true"
            ) {
                $0.linux?.maskedPaths = path == "/proc" ? ["/proc/version"] : ["/sys/kernel"]
            } prepare: { root in
                _ = try Command.run("sh", "-c", "rm -rf \(root)\(path); mkdir \(root)/elsewhere; ln -s elsewhere \(root)\(path)")
            } weaken: { plan in
                guard weakened else { return }
                // Hides by what the paths meant before anything was mounted.
                func hides(_ step: LaunchStep) -> Bool {
                    switch step {
                    case .maskPaths, .makeReadOnly: true
                    default: false
                    }
                }
                let hiding = plan.steps.filter(hides)
                plan.steps.removeAll(where: hides)
                plan.steps.insert(contentsOf: hiding, at: 2)
            }.standardOutput
        }
        #expect(try await attacked(weakened: false) == "")
        #expect(try await attacked(weakened: true).hasPrefix("readable\n"), "the attack reads what is hidden")
    }
}

/// `MS_SLAVE`.
private enum MountPropagationFlag { static let slave: UInt64 = 1 << 19 }
