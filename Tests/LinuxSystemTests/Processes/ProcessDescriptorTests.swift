import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.serialized)
struct ProcessDescriptorTests {
    private func spawn(_ arguments: String...) throws -> CInt {
        var pid: pid_t = 0
        var strings = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        let error = posix_spawnp(&pid, arguments[0], nil, nil, &strings, environ)
        guard error == 0 else { throw Errno(rawValue: error) }
        return pid
    }

    private func isReadable(_ descriptor: CInt, within milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }

    @Test func standsForItsProcessUntilItIsReaped() throws {
        let pid = try spawn("sleep", "60")
        let process = try OwnedDescriptor.process(pid)
        #expect(try process.hostPid() == pid)
        #expect(fcntl(process.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        #expect(!isReadable(process.rawValue, within: 0))
        #expect(try ReapedProcess.wait(for: .descriptor(process.rawValue), blocking: false) == nil)
        try process.sendSignal(SIGKILL)
        #expect(isReadable(process.rawValue, within: 5000))
        let reaped = try #require(try ReapedProcess.wait(for: .descriptor(process.rawValue), blocking: true))
        #expect(reaped.pid == pid && reaped.status == .signaled(SIGKILL, coreDumped: false))
        #expect(reaped.peakResidentKiB > 0)
        #expect(throws: Errno.noSuchProcess) { try process.sendSignal(0) }
        #expect(throws: Errno.noSuchProcess) { try process.hostPid() }
        #expect(throws: Errno.noChildProcess) { try ReapedProcess.wait(for: .pid(pid), blocking: true) }
    }

    @Test(arguments: [0, 1, 255] as [CInt]) func theExitCodeIsTold(code: CInt) throws {
        let pid = try spawn("sh", "-c", "exit \(code)")
        let reaped = try #require(try ReapedProcess.wait(for: .pid(pid), blocking: true))
        #expect(reaped.status == .exited(code: code))
    }

    @Test func aProcessThatIsNotThereHasNone() {
        #expect(throws: Errno.noSuchProcess) { _ = try OwnedDescriptor.process(0x3f_fffe).rawValue }
    }

    @Test func aDescriptorOfSomethingElseHasNoProcess() throws {
        let file = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        #expect(throws: Errno.noSuchProcess) { try file.hostPid() }
        #expect(throws: Errno.self) { try file.sendSignal(0) }
    }

    @Test func namespacesAreTold() throws {
        let kinds: [(String, NamespaceFlag)] = [
            ("mnt", .mount), ("pid", .pid), ("net", .network), ("ipc", .ipc), ("uts", .uts), ("user", .user), ("cgroup", .cgroup),
        ]
        for (name, kind) in kinds {
            let namespace = try OwnedDescriptor.open("/proc/self/ns/\(name)", flags: O_RDONLY)
            #expect(try NamespaceFlag.kind(of: namespace) == kind)
        }
        let file = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        #expect(throws: Errno.self) { try NamespaceFlag.kind(of: file) }
    }
}
