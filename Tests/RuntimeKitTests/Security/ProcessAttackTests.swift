import CLinux
import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Attacks by way of what a process of the host brings into a container: descriptors, its directory, capabilities, ids.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ProcessAttackTests {
    /// CVE-2024-21626: a descriptor of the host's tree is left open, and the working directory leads through it.
    @Test(arguments: ["/proc/self/fd/9", "/leak", "/proc/1/root"])
    func aLeakedDirectoryIsNoWorkingDirectory(_ path: String) async throws {
        try await Attack.with { attack in
            let leaking = ["sh", "-c", "exec 9< \(attack.host); exec \"$@\"", "sh"]
            let result = try await CompiledLaunch.run(around: leaking, "cat secret host/secret; ls /proc/self/fd/9; true") {
                $0.process?.cwd = path
            } prepare: { root in
                symlink("/proc/self/fd/9", root.appending("leak").string)
            }
            #expect(!result.standardOutput.contains("secret"), "\(result.standardOutput)")
            guard path.hasSuffix("fd/9") || path == "/leak" else { return }
            #expect(result.status == 125, "\(result.standardError)")
            try await withProbe { _, root throws in
                symlink("/proc/self/fd/9", root.appending("leak").string)
                let naive = try NaiveRuntime.run(
                    root, "mount -t proc proc $root/proc; exec 9< \(attack.host); chroot $root sh -c 'cd \(path) && cat secret'")
                #expect(naive.standardOutput == "secret\n", "the attack reads the host's file: \(naive.standardError)")
            }
        }
    }

    /// CVE-2016-9962: root of the container reads descriptors of a process that is just entering, through /proc.
    @Test func whatEntersCannotBeReadMeanwhile() async throws {
        try await Attack.with { attack in
            let look = "for f in /proc/[0-9]*/fd/[0-9]*; do [ -e $f/secret ] && echo leak; done"
            let attacker = "while :; do \(look); done"
            // By path: a shell of busybox has its own.
            let unshare = try #require(Command.find("unshare"))
            let nsenter = try #require(Command.find("nsenter"))
            try await withProbe { probe, root throws in
                let capabilities: UInt64 = 1 << 19 | 1 << 1 | 1 << 2
                var plan = ChildPlans.full(root: root, ["sh", "-c", attacker])
                var exec = ExecPlan(process: ChildPlans.process(["true"]))
                for set in [\CapabilitySets.bounding, \.permitted, \.effective] { plan.process.capabilities[keyPath: set] |= capabilities }
                exec.process.workingDirectory = "/"
                let file = probe.directory.appending("exec")
                try Files.write(exec.encode(), to: file)
                let result = try probe.run(
                    "exec", plan, [file.string, "60"], around: ["sh", "-c", "exec 9< \(attack.host); exec \"$@\"", "sh"])
                #expect(result.status == 0, "\(result.standardError)")
                #expect(result.standardOutput == "", "\(result.standardOutput)")
                let naive = try NaiveRuntime.run(
                    root,
                    """
                    exec 9< \(attack.host)
                    \(unshare) --pid --fork --kill-child chroot $root sh -c 'mount -t proc proc /proc; for i in $(seq 20); do \(look); sleep 0.2; done' 9<&- &
                    for i in $(seq 50); do [ -n "$(cat /proc/$!/task/$!/children)" ] && break; sleep 0.1; done
                    sleep 0.4
                    \(nsenter) --target $(cat /proc/$!/task/$!/children) --pid chroot $root sleep 2
                    kill $!
                    """)
                #expect(naive.standardOutput.hasPrefix("leak\n"), "the attack sees the host's directory: \(naive.standardError)")
            }
        }
    }

    /// CVE-2022-29162: a further process gets inheritable capabilities, and a program with some of its own raises them without a right.
    @Test func nothingIsInheritableUnasked() async throws {
        let names = ["CAP_NET_RAW", "CAP_CHOWN"]
        func run(weakened: Bool) async throws -> String {
            try await CompiledLaunch.run("/raise/grep -E '^Cap(Inh|Prm|Eff)' /proc/self/status | tr '\\t' ' '") {
                $0.process?.user = .init(uid: 1000, gid: 1000)
                $0.process?.noNewPrivileges = false
                $0.process?.capabilities = .init(bounding: names)
            } prepare: { root in
                try TestDirectory.create(root.appending("raise"))
                let program = root.appending("raise/grep").string
                _ = try Command.run("cp", root.appending("bin/busybox").string, program)
                _ = try Command.run("setcap", "cap_net_raw+ei", program)
            } weaken: { plan in
                // As engines and runtimes did: whatever is in the bounding set.
                if weakened { plan.process.capabilities.inheritable = plan.process.capabilities.bounding }
            }.standardOutput
        }
        #expect(try await run(weakened: false) == "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n")
        #expect(try await run(weakened: true).hasSuffix("CapEff: 0000000000002000\n"), "the attack raises a capability")
    }

    /// CVE-2026-30892: a number that is none, or none of 32 bits, becomes root's when it is read leniently.
    @Test(arguments: ["4294967296", "nobody", "-18446744073709551616", "0x", " "]) func idsAreNoGuesses(_ text: String) {
        #expect(UInt32(truncatingIfNeeded: strtoul(text, nil, 10)) == 0 || text.hasPrefix("-1"), "the attack becomes root")
        for value in [text, "\"\(text)\""] {
            let json = #"{"cwd":"/","args":["true"],"user":{"uid":\#(value),"gid":0}}"#
            #expect(throws: RuntimeError.self) {
                try BundleConfiguration.decode(RuntimeConfiguration.Process.self, Array(json.utf8), of: "process")
            }
        }
    }
}
