import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// CVE-2019-5736: an image whose program is `#!/proc/self/exe` has the runtime execute itself inside of the container, where somebody
/// opens what it runs from, and writes to it when it has ended (before that the kernel answers ETXTBSY).
@Suite("Command: attack on the executable", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .ckrunOnly, .serialized)
struct ExecutableAttackTests {
    /// The fifo keeps the runtime inside until its executable is open.
    private static let attacker = """
        #!/bin/sh
        p=
        while [ -z "$p" ]; do
            for d in /proc/[0-9]*; do
                if tr '\\0' ' ' < $d/cmdline 2>/dev/null | grep -q 'resources /fifo'; then p=$d; fi
            done
        done
        exec 7< $p/exe
        echo '{}' > /fifo
        while [ -e $p/cmdline ]; do sleep 0.05; done
        # The command outside runs from the same file and ends a little later.
        sleep 1
        if (echo attacked > /proc/self/fd/7) 2>/tmp/error; then echo OVERWRITTEN; else cat /tmp/error; fi
        """

    @Test func theExecutableCannotBeWrittenFromInside() async throws {
        try await withCleanup { cleanup in
            let victim = try Victim(cleanup)
            let output = try victim.attack(cleanup) {}
            // EROFS of the mount, or EPERM of a sealed copy.
            #expect(output.contains("Read-only file system") || output.contains("not permitted"), "\(output)")
            #expect(try victim.isWhole)
        }
    }

    /// The weakened runtime: started from a read-only mount it takes itself for protected, and then the mount becomes writable.
    @Test func anExecutableThatIsNotProtectedIsOverwritten() async throws {
        try await withCleanup { cleanup in
            let victim = try Victim(cleanup)
            let path = victim.path.string
            try Command.run("mount", "--bind", path, path)
            cleanup.add { try Command.run("umount", "-l", path) }
            try Command.run("mount", "-o", "remount,bind,ro", path)
            let output = try victim.attack(cleanup) { try Command.run("mount", "-o", "remount,bind,rw", path) }
            #expect(output == "OVERWRITTEN")
            #expect(try !victim.isWhole)
        }
    }

    /// A copy of the runtime: the one under test must survive its test.
    private struct Victim {
        let path: FilePath
        private let original: [UInt8]

        init(_ cleanup: Cleanup) throws {
            path = try cleanup.directory("victim").appending("ckrun")
            original = try Files.read(FilePath(try #require(RuntimeUnderTest.path)))
            try Files.write(original, to: path, mode: .init(rawValue: 0o755))
        }

        var isWhole: Bool { get throws { try Files.read(path) == original } }

        /// Has the copy execute itself in a container.
        /// - Parameter weaken: called when it is inside.
        /// - Returns: what the attacker wrote.
        func attack(_ cleanup: Cleanup, weaken: () throws -> Void) throws -> String {
            let bundle = try CommandBundle(cleanup)
            try Files.write(ExecutableAttackTests.attacker, to: bundle.rootfs.appending("attacker"), mode: .init(rawValue: 0o755))
            try Files.write("#!/proc/self/exe --log\n", to: bundle.rootfs.appending("trap"), mode: .init(rawValue: 0o755))
            #expect(mkfifo(bundle.rootfs.appending("fifo").string, 0o600) == 0)
            try bundle.start { configuration in
                // An executable that is linked dynamically finds its libraries.
                for library in try libraries() {
                    configuration.mounts?.append(.init(destination: library, type: "bind", source: library, options: ["bind", "ro"]))
                }
            }
            func exec(_ program: String, _ words: [String]) -> Command {
                Command([program, "--root", bundle.root.string, "exec", bundle.id] + words, timeout: .seconds(25))
            }
            let trap = try ChildProcess(exec(path.string, ["/trap", "update", "--resources", "/fifo", "none"]))
            var inside = 0
            while inside < 2 {
                inside = try bundle.runtime("ps", "--format", "json", bundle.id).standardOutput.split(separator: ",").count
                try #require(trap.isRunning, "\(String(decoding: trap.errors(), as: UTF8.self))")
            }
            try weaken()
            let attacker = try exec(try #require(RuntimeUnderTest.path), ["/attacker"]).run()
            _ = try trap.wait(within: .seconds(10))
            return attacker.standardOutput.trimmed
        }

        private func libraries() throws -> [String] {
            try Command(["ldd", path.string]).run().standardOutput.split(separator: "\n").compactMap { line in
                line.split(separator: " ").first { $0.contains("/") }.map { String($0.drop { $0 == "\t" }) }
            }
        }
    }
}
