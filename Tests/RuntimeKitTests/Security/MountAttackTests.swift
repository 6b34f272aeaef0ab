import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Attacks on mount targets and sources, each shown to work against a runtime that mounts by path.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct MountAttackTests {
    /// CVE-2021-30465: a volume's link is the target of the next mount, which then lands outside the root.
    @Test func aTargetThatIsALinkStaysInside() async throws {
        try await Attack.with { attack in
            symlink(Attack.wayOut(attack.host), attack.volume.appending("link").string)
            var naive = ""
            let result = try await CompiledLaunch.run("cat /vol/link/mark \(attack.host)/mark; ls \(attack.host)") {
                $0.mounts?.append(.init(destination: "/vol", source: attack.volume.string, options: ["bind"]))
                $0.mounts?.append(.init(destination: "/vol/link", type: "tmpfs", source: "tmpfs", options: ["mode=755"]))
            } prepare: { root in
                naive = try NaiveRuntime.run(
                    root,
                    "mkdir -p $root/vol; mount --bind \(attack.volume) $root/vol; mount -t tmpfs tmpfs $root/vol/link; ls \(attack.host)"
                ).standardOutput
            }
            #expect(naive == "", "the attack covers the host's directory")
            #expect(Files.exists(attack.host.appending("secret")))
            // The target is the same path inside the root, made there.
            #expect(result.status == 0 && !result.standardOutput.contains("secret"), "\(result.standardOutput) \(result.standardError)")
        }
    }

    /// The same with a link that is there only half of the time: whatever the launch sees, it is inside or refused.
    @Test func aTargetThatChangesMeanwhileStaysInside() async throws {
        try await Attack.with { attack in
            let end = attack.host.removingLastComponent().appending("end")
            let swapper = try ChildProcess(
                Command([
                    "sh", "-c",
                    """
                    cd \(attack.volume); ln -s \(Attack.wayOut(attack.host)) out; mkdir a b
                    while [ ! -e \(end) ]; do mv -T a t; mv -T out a; mv -T a out; mv -T t a; done
                    """,
                ]))
            // Not in the middle of a move, whose program would outlive it.
            defer {
                try? Files.write("", to: end)
                _ = try? swapper.wait(within: .seconds(5))
            }
            for _ in 0..<8 {
                let result = try await CompiledLaunch.run("ls \(attack.host) 2> /dev/null; grep -c ' /vol' /proc/mounts") {
                    $0.mounts?.append(.init(destination: "/vol", source: attack.volume.string, options: ["bind"]))
                    $0.mounts?.append(.init(destination: "/vol/a", source: attack.host.string, options: ["bind", "ro"]))
                }
                #expect(result.status == 125 || !result.standardOutput.hasPrefix("secret\nsecret"), "\(result.standardOutput)")
                #expect(Files.names(in: attack.host) == ["secret"], "nothing was made in the host's directory")
            }
        }
    }

    /// An image whose /dev, /proc or /sys is a link out of it: what is mounted there would cover the host's directory.
    @Test(arguments: ["dev", "proc", "sys"]) func aLinkInPlaceOfASystemDirectoryStaysInside(_ name: String) async throws {
        try await Attack.with { attack in
            var naive = ""
            let result = try await CompiledLaunch.run("grep -c ' \(attack.host)' /proc/mounts; grep -c '^secret' \(attack.host)/secret") {
                if name == "proc" { $0.linux?.sysctl = nil }
            } prepare: { root in
                _ = try Command.run("rm", "-rf", root.appending(name).string)
                symlink(Attack.wayOut(attack.host), root.appending(name).string)
                naive = try NaiveRuntime.run(root, "mount -t tmpfs tmpfs $root/\(name); ls \(attack.host)").standardOutput
            }
            #expect(naive == "", "the attack covers the host's directory")
            #expect(try Files.text(attack.host.appending("secret")) == "secret\n")
            #expect(Files.names(in: attack.host) == ["secret"])
            #expect(!result.standardOutput.hasSuffix("1\n1\n"), "\(result.standardOutput)")
        }
    }

    /// CVE-2024-45310: mount targets that have to be made are made behind a link, on the host.
    @Test(arguments: [true, false]) func aTargetThatIsMadeIsMadeInside(isDirectory: Bool) async throws {
        try await Attack.with { attack in
            symlink(Attack.wayOut(attack.host), attack.volume.appending("link").string)
            let source = isDirectory ? attack.volume : attack.host.appending("secret")
            let result = try await CompiledLaunch.run("ls -d \(attack.host)/made/it") {
                $0.mounts?.append(.init(destination: "/vol", source: attack.volume.string, options: ["bind"]))
                $0.mounts?.append(.init(destination: "/vol/link/made/it", source: source.string, options: ["bind"]))
            }
            #expect(result.standardOutput == "\(attack.host)/made/it\n", "\(result.standardError)")
            #expect(Files.names(in: attack.host) == ["secret"])
            _ = try NaiveRuntime.run(attack.volume, "mkdir -p $root/link/made; : > $root/link/made/it")
            #expect(Files.exists(attack.host.appending("made").appending("it")), "the attack makes it on the host")
        }
    }

    /// CVE-2025-31133: /dev/null is a link of the image, and what should hide a file shows another.
    @Test func aNullDeviceThatIsALinkHidesNothing() async throws {
        try await Attack.with { attack in
            var naive = ""
            let result = try await CompiledLaunch.run("cat /hidden") {
                // The image's own /dev.
                $0.mounts?.removeAll { $0.destination.hasPrefix("/dev") }
                $0.linux?.maskedPaths = ["/hidden"]
            } prepare: { root in
                try TestDirectory.create(root.appending("dev"))
                try Files.write("hidden\n", to: root.appending("hidden"))
                try Files.write("inside\n", to: root.appending("target"))
                unlink(root.appending("dev/null").string)
                symlink(Attack.wayOut(attack.host.appending("secret")), root.appending("dev/null").string)
                naive = try NaiveRuntime.run(root, "mount --bind $root/dev/null $root/hidden && cat $root/hidden").standardOutput
            }
            #expect(naive == "secret\n", "the attack shows a file of the host")
            #expect(result.status == 125 && result.standardOutput == "", "\(result.standardOutput)")
        }
    }

    /// CVE-2025-52565: what is bound on /dev/console is a link where the pty should be.
    @Test func aConsoleIsNoPath() async throws {
        try await Attack.with { attack in
            try TestDirectory.create(attack.volume.appending("pts"))
            for name in ["pts/0", "pts/ptmx"] {
                symlink(Attack.wayOut(attack.host.appending("secret")), attack.volume.appending(name).string)
            }
            try Files.write("", to: attack.volume.appending("console"))
            let result = try await CompiledLaunch.run("cat /dev/console") {
                $0.process?.terminal = true
                $0.mounts?.removeAll { $0.destination.hasPrefix("/dev") }
                $0.mounts?.append(.init(destination: "/dev", source: attack.volume.string, options: ["bind"]))
            }
            #expect(result.status == 125 && !result.standardOutput.contains("secret"), "\(result.standardOutput)")
            let naive = try NaiveRuntime.run(attack.volume, "mount --bind $root/pts/0 $root/console && cat $root/console").standardOutput
            #expect(naive == "secret\n", "the attack shows a file of the host")
        }
    }

    /// CVE-2023-25809: the container's own cgroup is writable, so that it can make cgroups of its own.
    @Test func cgroupsAreReadOnlyWithoutANamespaceToo() async throws {
        // On version 2 without a namespace the container sees the whole tree, with its own cgroup somewhere below.
        let script =
            "for d in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup); do mkdir $d/evil && echo made; done; true"
        func run(weakened: Bool, own: Bool) async throws -> Command.Result {
            try await CompiledLaunch.run(script) {
                if !own { $0.linux?.namespaces?.removeAll { $0.type == .cgroup } }
            } weaken: { plan in
                guard weakened else { return }
                for index in plan.trees.indices {
                    if case .bind(let source, let recursive, let set, let clear, let all, let propagation, let field) = plan.trees[index],
                        source.hasPrefix("/sys/fs/cgroup")
                    {
                        plan.trees[index] = .bind(
                            source: source, recursive: recursive, set: set & ~1, clear: clear, attributesRecursive: all,
                            propagation: propagation, field: field)
                    }
                }
                for index in plan.steps.indices {
                    if case .mount(let type, let source, let target, let options, let attributes) = plan.steps[index],
                        type.hasPrefix("cgroup")
                    {
                        plan.steps[index] = .mount(
                            type: type, source: source, target: target, options: options, attributes: attributes & ~1)
                    }
                }
            }
        }
        for own in [true, false] {
            #expect(try await run(weakened: false, own: own).standardOutput == "")
            let attacked = try await run(weakened: true, own: own)
            #expect(attacked.standardOutput.contains("made"), "the attack makes a cgroup: own \(own), \(attacked.standardError)")
        }
    }
}
