internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// One call of a runtime command.
struct RuntimeCommandCall: Sendable {
    let executable: String
    let root: String
    let words: [String]
    let streams: ContainerRuntime.Streams

    /// Runs it to its end. Blocks.
    /// - Parameter inherited: a descriptor that the command gets under its number.
    /// - Returns: its status, and the last message of its log.
    func run(_ inherited: SharedDescriptor?) throws(RuntimeError) -> (status: Int32, message: String?) {
        do throws(Errno) {
            let log = SharedDescriptor(try .scratch(named: "log"))
            let pid = try HostProgram.spawn(
                [executable, "--root", root, "--log", "/proc/self/fd/\(log.rawValue)"] + words, path: "/usr/sbin:/usr/bin:/sbin:/bin",
                streams: [streams.input?.rawValue, streams.output?.rawValue, streams.error?.rawValue],
                inherited: [log.rawValue] + (inherited.map { [$0.rawValue] } ?? []))
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 { if errno != EINTR { throw Errno(rawValue: errno) } }
            let text = try log.withDescriptor { log throws(Errno) in
                String(decoding: try log.rewindAndReadAll(limit: 1 << 20), as: UTF8.self)
            }
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            return (code, text.isEmpty ? nil : text.trimmingASCIISpace)
        } catch {
            throw RuntimeError(.commandFailed, .path(FilePath(executable)), "the runtime command cannot be run", errno: error)
        }
    }
}

/// A process as JSON, in memory, for a command to read.
struct ProcessFile: Sendable {
    let descriptor: SharedDescriptor
    var path: String { "/proc/self/fd/\(descriptor.rawValue)" }

    init(_ process: RuntimeConfiguration.Process) throws(RuntimeError) {
        let text = ProcessText.json(process)
        do throws(Errno) {
            let file = try OwnedDescriptor.scratch(named: "process")
            try file.write(Array(text.utf8))
            lseek(file.rawValue, 0, SEEK_SET)
            descriptor = SharedDescriptor(file)
        } catch { throw RuntimeError(.resourceExhausted, .host, "no file in memory can be made", errno: error) }
    }
}

/// A blocking call in a thread of its own.
enum OwnThread {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try ServiceThread.start("ck-runtime") { continuation.resume(with: Result { try body() }) }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
