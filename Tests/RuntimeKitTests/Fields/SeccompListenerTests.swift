import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// A filter that asks a listener. See: runtime-spec config-linux.md, "The Container Process State".
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct SeccompListenerTests {
    /// Takes one descriptor with its state, prints that, and answers each mkdir with EROFS.
    private static let listener = """
        import socket, sys, array, fcntl, struct, os, signal
        signal.alarm(20)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); s.bind(sys.argv[1]); s.listen(1)
        c, _ = s.accept()
        data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
        fds = array.array('i'); fds.frombytes(anc[0][2])
        while True:
            more = c.recv(65536)
            if not more: break
            data += more
        print(data.decode()); sys.stdout.flush()
        while True:
            request = bytearray(80)
            try: fcntl.ioctl(fds[0], 0xC0502100, request)
            except OSError: break
            identifier, = struct.unpack_from('=Q', request)
            try: fcntl.ioctl(fds[0], 0xC0182101, bytearray(struct.pack('=QqiI', identifier, 0, -30, 0)))
            except OSError: pass
        """

    private func profile(_ path: FilePath) -> RuntimeConfiguration.Seccomp {
        .init(
            defaultAction: .allow, listenerPath: path.string, listenerMetadata: "meta \"data\"",
            syscalls: [.init(names: ["mkdir", "mkdirat"], action: .notify)])
    }

    @Test(.enabled(if: Command.find("python3") != nil), arguments: [true, false])
    func itDecidesAndIsToldWho(noNewPrivileges: Bool) async throws {
        try await TestDirectory.with { directory in
            let path = directory.appending("socket")
            let process = try ChildProcess(Command(["python3", "-c", Self.listener, path.string]))
            defer { process.stop() }
            for _ in 0..<200 where !Files.exists(path) { try await Task.sleep(for: .milliseconds(20)) }
            let result = try await CompiledLaunch.run("mkdir /new; echo $$") {
                $0.process?.noNewPrivileges = noNewPrivileges
                $0.annotations = ["a": "b"]
                $0.linux?.seccomp = profile(path)
            }
            #expect(result.standardError.contains("Read-only file system"), "\(result.standardError)")
            #expect(result.standardOutput == "1\n")
            try await Task.sleep(for: .milliseconds(100))
            let text = String(decoding: process.output(), as: UTF8.self)
            #expect(text.hasPrefix(#"{"ociVersion":"1.3.0","fds":["seccompFd"],"metadata":"meta \"data\"","pid":"#), "\(text)")
            #expect(text.contains(#""status":"creating","bundle":"","annotations":{"a":"b"},"pid":"#), "\(text)")
        }
    }

    @Test func withoutAListenerNothingStarts() async throws {
        let result = try await CompiledLaunch.run("echo started") { $0.linux?.seccomp = profile("/nowhere/socket") }
        #expect(result.standardOutput == "")
        #expect(result.standardError.contains("failure seccompListener 0 2"), "\(result.standardError)")
    }
}
