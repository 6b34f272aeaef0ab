import CLinux
import CSpawnerEntry
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// Runs the executable `SpawnProbe` with a chosen control socket.
enum ProbeProgram {
    /// What stands on the control descriptor.
    enum Control {
        case socketPair(SocketType)
        case devNull
        case nothing
    }
    enum SocketType { case message, stream }

    /// Beside the test bundle.
    static var path: String {
        get throws {
            let test = try #require(try? link("/proc/self/exe"))
            return String(test[..<(test.lastIndex(of: "/") ?? test.startIndex)]) + "/SpawnProbe"
        }
    }

    static func link(_ path: String) throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard readlink(path, &buffer, buffer.count - 1) > 0 else { throw Errno(rawValue: errno) }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func greeting(buildID: UInt64, magic: UInt32 = ckSpawnerMagic, version: UInt32 = UInt32(ckSpawnerProtocol)) -> [UInt8] {
        let greeting = ckSpawnerGreeting(magic: magic, protocol: version, buildID: buildID)
        return withUnsafeBytes(of: greeting) { Array($0) }
    }

    /// Runs `prefix + probe + mode` with the marker set; returns what it printed, or "hello" when it diverted.
    static func run(
        _ mode: String = "main", marker: String? = "3", control: Control = .socketPair(.message), greeting: [UInt8] = [],
        prefix: [String] = [], suffix: [String] = []
    ) throws -> String {
        var pair: [CInt] = [-1, -1]
        if case .socketPair(let type) = control {
            try check(ck_socket_pair(CInt((type == .message ? SOCK_SEQPACKET : SOCK_STREAM).rawValue), &pair))
        } else if case .devNull = control {
            pair[1] = open("/dev/null", O_RDWR | O_CLOEXEC)
        }
        defer { for number in pair where number >= 0 { close(number) } }
        if !greeting.isEmpty, pair[0] >= 0 { try check(ck_send(pair[0], greeting, greeting.count, nil, 0, 0)) }

        var output: [CInt] = [-1, -1]
        try #require(pipe(&output) == 0)
        _ = ck_fcntl(output[0], F_SETFD, Int(FD_CLOEXEC))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_addclose(&actions, output[1])
        if pair[1] >= 0 { posix_spawn_file_actions_adddup2(&actions, pair[1], 3) }

        let program = prefix + [try path, mode] + suffix
        var arguments = program.map { strdup($0) } + [nil]
        var environment = [strdup("PATH=/usr/bin:/bin:/usr/sbin:/sbin")]
        if let marker { environment.append(strdup("CONTAINERKIT_SPAWNER=\(marker)")) }
        environment.append(nil)
        defer { for string in arguments + environment { free(string) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, program[0], &actions, nil, &arguments, &environment)
        close(output[1])
        try #require(result == 0)

        if pair[0] >= 0, case .socketPair(.message) = control {
            // A diverted program answers on the socket; one whose main runs closes it.
            let near = OwnedDescriptor(pair[0])
            pair[0] = -1
            close(pair[1])
            pair[1] = -1
            if let message = try? near.receive(), !message.bytes.isEmpty {
                kill(pid, SIGKILL)
                waitpid(pid, nil, 0)
                close(output[0])
                return "hello"
            }
        }
        let text = try OwnedDescriptor(output[0]).readAll(limit: 65536)
        waitpid(pid, nil, 0)
        return String(decoding: text, as: UTF8.self).split(separator: "\n").joined(separator: "\n")
    }

    static func buildID() throws -> UInt64 {
        try #require(UInt64(try run("build-id", marker: nil, control: .nothing)))
    }
}
