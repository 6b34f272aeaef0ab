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
    /// - Parameters:
    ///   - inherited: a descriptor that the command gets under its number.
    ///   - interruption: asks the command to end, which cleans up after itself.
    /// - Returns: its status, and the last message of its log.
    func run(
        _ inherited: SharedDescriptor? = nil, interruption: Interruption? = nil
    ) throws(RuntimeError) -> (status: Int32, message: String?) {
        do {
            let scratch = try OwnedDescriptor.scratch(named: "log")
            let log = SharedDescriptor(try scratch.duplicate(from: CInt(streams.count)))
            let pid = try HostProgram.spawn(
                [executable, "--root", root, "--log", "/proc/self/fd/\(log.rawValue)"] + words, path: "/usr/sbin:/usr/bin:/sbin:/bin",
                streams: streams.numbers, inherited: [log.rawValue] + (inherited.map { [$0.rawValue] } ?? []))
            let wasInterrupted = interruption.map { Self.wait(for: pid, $0) } ?? false
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 { if errno != EINTR { throw Errno(rawValue: errno) } }
            let text = try log.withDescriptor { log throws(Errno) in
                String(decoding: try log.rewindAndReadAll(limit: 1 << 20), as: UTF8.self)
            }
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            if wasInterrupted, code != 0 { throw RuntimeError(.cancelled, .path(FilePath(executable)), "its work was broken off") }
            return (code, text.isEmpty ? nil : text.trimmingASCIISpace)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(
                .commandFailed, .path(FilePath(executable)), "the runtime command cannot be run", errno: error as? Errno)
        }
    }

    /// Waits for its end, and asks it to end when it is interrupted.
    /// - Returns: whether it was asked.
    private static func wait(for pid: pid_t, _ interruption: Interruption) -> Bool {
        guard let process = try? OwnedDescriptor.process(pid) else { return false }
        while true {
            var polled = [
                pollfd(fd: process.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: interruption.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&polled, 2, -1) < 0, errno != EINTR { return false }
            if polled[0].revents != 0 { return false }
            if polled[1].revents != 0 {
                kill(pid, SIGTERM)
                return true
            }
        }
    }
}

/// A process as JSON, in memory, for a command to read.
struct ProcessFile: Sendable {
    let descriptor: SharedDescriptor
    var path: String { "/proc/self/fd/\(descriptor.rawValue)" }

    /// - Parameter minimum: what its descriptor's number is not below.
    init(_ process: RuntimeConfiguration.Process, from minimum: Int) throws(RuntimeError) {
        let text = ProcessText.json(process)
        do throws(Errno) {
            let file = try OwnedDescriptor.scratch(named: "process")
            try file.write(Array(text.utf8))
            lseek(file.rawValue, 0, SEEK_SET)
            descriptor = SharedDescriptor(try file.duplicate(from: CInt(minimum)))
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
