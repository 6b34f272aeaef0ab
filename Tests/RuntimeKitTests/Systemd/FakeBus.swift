import CLinux
import Glibc
import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport

/// A peer at a socket that says what a test wants it to.
final class FakeBus: @unchecked Sendable {
    let path: String
    /// Only the thread of `serve` uses it, which is joined before this goes.
    private let listener: CInt
    private var thread = pthread_t()
    private let script: (FakeBus) -> Void
    private var connection: CInt = -1
    private var serial: UInt32 = 100

    /// - Parameter script: runs on a thread of its own once somebody has connected.
    init(in directory: FilePath, _ script: @escaping (FakeBus) -> Void) throws {
        path = directory.appending("bus").string
        self.script = script
        listener = CInt(try check(ck_socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)))
        try check(ck_bind_path(listener, path))
        _ = Glibc.listen(listener, 4)
        pthread_create(
            &thread, nil,
            { argument in
                let bus = Unmanaged<FakeBus>.fromOpaque(argument!).takeUnretainedValue()
                bus.connection = Glibc.accept(bus.listener, nil, nil)
                bus.script(bus)
                Glibc.close(bus.connection)
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Waits for the script's end.
    func end() {
        _ = Glibc.shutdown(listener, CInt(SHUT_RDWR))
        pthread_join(thread, nil)
        Glibc.close(listener)
    }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL)) }

    func send(_ kind: DBusMessage.Kind, _ change: (inout DBusMessage) -> Void) {
        serial += 1
        var message = DBusMessage(kind, serial: serial)
        change(&message)
        send(message.encode())
    }

    func readLine() -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.last != UInt8(ascii: "\n"), Glibc.read(connection, &byte, 1) == 1 { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }

    func readMessage() -> DBusMessage? {
        var prefix = [UInt8](repeating: 0, count: 16)
        guard Glibc.recv(connection, &prefix, 16, CInt(MSG_WAITALL)) == 16, let length = try? DBusMessage.length(prefix) else { return nil }
        var rest = [UInt8](repeating: 0, count: length - 16)
        guard Glibc.recv(connection, &rest, rest.count, CInt(MSG_WAITALL)) == rest.count else { return nil }
        return try? DBusMessage(decoding: prefix + rest)
    }

    /// As a bus does with whom it lets in.
    func authenticate() -> String {
        let line = readLine()
        send(Array("OK 1234deadbeef\r\n".utf8))
        _ = readLine()
        return line
    }
}
