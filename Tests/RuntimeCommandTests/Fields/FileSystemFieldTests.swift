import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: file system fields", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandFileSystemFieldTests {
    private func output(_ script: String, _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) async throws -> String {
        try await withCleanup { try CommandBundle($0).output(script, change) }
    }

    @Test func readOnlyRoot() async throws {
        #expect(try await output("touch /file 2>&1; true") { $0.root?.readonly = true }.contains("Read-only file system"))
        #expect(try await output("touch /file && echo made") == "made")
    }

    @Test func bindOfADirectoryAndOfAFile() async throws {
        try await withCleanup { cleanup in
            let host = try cleanup.directory("source")
            try Files.write("hello\n", to: host.appending("file"))
            let text = try CommandBundle(cleanup).output("cat /data/file /etc/one; touch /data/x 2>&1; true") {
                $0.mounts?.append(.init(destination: "/data", type: "bind", source: host.string, options: ["rbind", "ro"]))
                $0.mounts?.append(.init(destination: "/etc/one", type: "bind", source: host.appending("file").string, options: ["bind"]))
            }
            #expect(text.hasPrefix("hello\nhello\n"))
            #expect(text.contains("Read-only"))
        }
    }

    @Test func attributesOfMounts() async throws {
        let text = try await output("grep ' /t ' /proc/self/mountinfo | cut -d' ' -f6") {
            $0.mounts?.append(
                .init(destination: "/t", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "noexec", "noatime", "size=1m"]))
        }
        #expect(Set(text.split(separator: ",")).isSuperset(of: ["nosuid", "nodev", "noexec", "noatime"]))
    }

    @Test func mountsOfTheContainerStayInIt() async throws {
        _ = try await output("true") {
            $0.mounts?.append(.init(destination: "/cktest-mount", type: "tmpfs", source: "tmpfs", options: ["size=1m"]))
        }
        #expect(try !Files.text("/proc/self/mountinfo").contains("cktest-mount"))
    }

    @Test func maskedAndReadOnlyPaths() async throws {
        let text = try await output(
            "wc -c < /proc/interrupts; ls /sys/firmware | wc -l; (echo 1 > /proc/sys/kernel/dmesg_restrict) 2>&1; true"
        ) {
            $0.linux?.maskedPaths = ["/proc/interrupts", "/sys/firmware", "/nonesuch"]
            $0.linux?.readonlyPaths = ["/proc/sys"]
        }
        #expect(text.hasPrefix("0\n0\n") && text.contains("Read-only"))
    }

    @Test func defaultDevices() async throws {
        let text = try await output(
            "for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done; readlink /dev/fd; readlink /dev/ptmx")
        #expect(text.hasPrefix("null\nzero\nfull\nrandom\nurandom\ntty\n/proc/self/fd\n"))
    }

    @Test func devicesAndTheirRules() async throws {
        let text = try await output("stat -c '%a %u %g %t %T' /dev/mine; head -c 1 /dev/mine | wc -c; head -c1 /dev/other 2>&1; true") {
            $0.linux?.devices = [
                .init(type: "c", path: "/dev/mine", major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 4),
                .init(type: "c", path: "/dev/other", major: 2, minor: 0, fileMode: 0o666),
            ]
            $0.linux?.resources?.devices?.append(.init(allow: true, type: "c", major: 1, minor: 5, access: "rwm"))
            $0.process?.capabilities = .init()
            $0.process?.user = .init(uid: 3, gid: 4)
        }
        #expect(text.hasPrefix("640 3 4 1 5\n1\n"))
        // No driver has this number: without the rule the answer would be ENXIO.
        #expect(text.contains("not permitted"), "\(text)")
    }

    @Test func rootPropagation() async throws {
        #expect(
            try await output("grep ' / / ' /proc/self/mountinfo | head -n 1; true") { $0.linux?.rootfsPropagation = "private" }.contains(
                "shared:") == false)
    }
}
