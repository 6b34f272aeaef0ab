import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// What engines have handed over through sockets.
@Suite("Command: sockets of engines", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandSocketTests {
    /// Takes one descriptor and does something with it.
    private func receiver(_ socket: FilePath, _ body: String) throws -> ChildProcess {
        let script = """
            import array, os, socket, sys, time
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(sys.argv[1])
            listener.listen()
            connection = listener.accept()[0]
            message, ancillary, _, _ = connection.recvmsg(4096, 256)
            fd = array.array("i", ancillary[0][2])[0]
            \(body)
            """
        let process = try ChildProcess(Command(["python3", "-c", script, socket.string]))
        for _ in 0..<500 where !Files.exists(socket) { usleep(10_000) }
        return process
    }

    private static let readTerminal = """
        text = b""
        while b"size" not in text: text += os.read(fd, 1000)
        print(text.decode())
        """

    @Test(.needsPrograms("python3")) func consoleSocketOfACreate() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let socket = bundle.directory.appending("console")
            let receiver = try receiver(socket, Self.readTerminal)
            var configuration = bundle.configuration("tty; echo size $(stty size); exec sleep 1000")
            configuration.process?.terminal = true
            configuration.process?.consoleSize = .init(height: 33, width: 77)
            try bundle.write(configuration)
            let created = try bundle.runtime(
                "create", "--bundle", bundle.directory.string, "--console-socket", socket.string, bundle.id)
            #expect(created.status == 0, "\(created.standardError)")
            #expect(try bundle.runtime("start", bundle.id).status == 0)
            #expect(try receiver.wait(within: .seconds(10)) == 0)
            let text = String(decoding: receiver.output(), as: UTF8.self)
            #expect(text.contains("/dev/pts/0") && text.contains("size 33 77"), "\(text)")
        }
    }

    @Test(.needsPrograms("python3")) func consoleSocketOfAnExec() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let socket = bundle.directory.appending("console")
            let receiver = try receiver(socket, Self.readTerminal)
            let result = try bundle.runtime(
                "exec", "--tty", "--detach", "--console-socket", socket.string, bundle.id, "/bin/sh", "-c", "tty; echo size; sleep 5")
            #expect(result.status == 0, "\(result.standardError)")
            #expect(try receiver.wait(within: .seconds(10)) == 0)
            #expect(String(decoding: receiver.output(), as: UTF8.self).contains("/dev/pts/"))
        }
    }

    @Test func aTerminalWithoutASocketIsRefusedForWhatStays() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try bundle.runtime("exec", "--tty", "--detach", bundle.id, "/bin/true")
            #expect(result.status != 0)
        }
    }

    @Test(.ckrunOnly, .needsPrograms("python3"), arguments: [false, true])
    func pidfdSocket(_ isExec: Bool) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let socket = bundle.directory.appending("pidfd")
            let receiver = try receiver(
                socket, "print([l.split()[1] for l in open(f'/proc/self/fdinfo/{fd}') if l.startswith('Pid:')][0])")
            let file = bundle.directory.appending("pid")
            let options = ["--pidfd-socket", socket.string, "--pid-file", file.string]
            if isExec { try bundle.start() } else { try bundle.write(bundle.configuration("exec sleep 1000")) }
            let words =
                isExec
                ? ["exec", "--detach"] + options + [bundle.id, "/bin/sleep", "1000"]
                : ["create", "--bundle", bundle.directory.string] + options + [bundle.id]
            let result = try bundle.runtime(words)
            #expect(result.status == 0, "\(result.standardError)")
            #expect(try receiver.wait(within: .seconds(10)) == 0)
            #expect(String(decoding: receiver.output(), as: UTF8.self).trimmed == (try Files.text(file)))
        }
    }
}
