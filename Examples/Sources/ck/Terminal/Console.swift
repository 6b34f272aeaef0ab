import ContainerKit
import Dispatch
import Glibc
import Synchronization

/// This program's side of a container's streams: its terminal, or files and pipes that are handed on as they are.
final class Console: Sendable {
    private let terminal: Bool
    private let interactive: Bool
    private let saved = Mutex<termios?>(nil)
    private let writer = DispatchQueue(label: "ck.output")

    init(terminal: Bool, interactive: Bool) throws {
        self.terminal = terminal
        self.interactive = interactive
    }

    /// Whether the container has a terminal that a person types into.
    var isTerminal: Bool { terminal && interactive }

    /// A terminal of this program is never handed into a container, which could type into it (TIOCSTI): its bytes are copied. Files and
    /// pipes are handed in, and nothing is copied.
    private var copiesInput: Bool { interactive && isatty(0) == 1 }
    private var copiesOutput: Bool { isatty(1) == 1 || isatty(2) == 1 }

    var inputPlan: ContainerConfiguration.StandardInput {
        if terminal { return interactive ? .stream : .empty }
        if !interactive { return .empty }
        return copiesInput ? .stream : .inherit
    }

    var outputPlan: ContainerConfiguration.Output { terminal || copiesOutput ? .stream : .inherit }

    /// Rows and columns of this program's terminal, if the container gets one.
    var size: TerminalSize? {
        guard terminal else { return nil }
        var size = winsize()
        for descriptor: Int32 in [1, 0, 2] where ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0 {
            return TerminalSize(rows: size.ws_row, columns: size.ws_col)
        }
        return nil
    }

    /// Bytes go through as they are typed, Ctrl-C too.
    func makeRaw() throws {
        guard terminal, interactive, isatty(0) == 1 else { return }
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else { return }
        saved.withLock { $0 = settings }
        cfmakeraw(&settings)
        tcsetattr(0, TCSADRAIN, &settings)
    }

    /// The terminal as it was. Safe to call again.
    func restore() {
        saved.withLock { saved in
            guard var settings = saved else { return }
            tcsetattr(0, TCSADRAIN, &settings)
            saved = nil
        }
    }

    /// Copies until the process has ended and everything it wrote is out.
    func copy(
        _ output: ContainerOutput, _ error: ContainerOutput, _ input: ContainerInput?,
        until end: @escaping @Sendable () async throws -> ExitStatus
    ) async throws -> ExitStatus {
        if let input { feed(input) }
        async let errors: Void = copy(error, to: 2)
        try await copy(output, to: 1)
        try await errors
        return try await end()
    }

    /// Shows what a logger writes, and types into the container, until that has ended or the person has typed the keys to leave.
    /// - Returns: nil when they left.
    func follow(_ container: Container, _ input: ContainerInput?, _ keys: DetachKeys, last: Int?) async throws -> ExitStatus? {
        let (left, leave) = AsyncStream.makeStream(of: Void.self)
        if let input, interactive { feed(input, terminal ? keys : nil) { leave.finish() } }
        return try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
            group.addTask {
                for try await entry in container.logEntries(last: last, follow: true) {
                    try await self.write(entry.bytes, to: entry.stream == .standardError ? 2 : 1)
                }
                return try await container.wait()
            }
            group.addTask {
                for await _ in left {}
                try Task.checkCancellation()
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func copy(_ output: ContainerOutput, to descriptor: Int32) async throws {
        for try await chunk in output { try await write(chunk, to: descriptor) }
    }

    /// A terminal may stop its writers (Ctrl-S), so writing is for a thread that may wait.
    private func write(_ bytes: [UInt8], to descriptor: Int32) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            writer.async {
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                    if count < 0 {
                        if errno == EINTR || errno == EAGAIN { continue }
                        continuation.resume(throwing: Errno(rawValue: errno))
                        return
                    }
                    rest = rest.dropFirst(count)
                }
                continuation.resume()
            }
        }
    }

    /// Standard input, read by a thread that ends with the program: a terminal is not to be made non-blocking, others share it.
    private func feed(_ input: ContainerInput, _ keys: DetachKeys? = nil, leave: @escaping @Sendable () -> Void = {}) {
        let isTerminal = terminal
        Thread.detach {
            var keys = keys
            var buffer = [UInt8](repeating: 0, count: 32 * 1024)
            let written = DispatchSemaphore(value: 0)
            while true {
                let count = read(0, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                let typed = Array(buffer.prefix(max(0, count)))
                let (chunk, isLeaving) = typed.isEmpty ? (typed, false) : keys?.filter(typed) ?? (typed, false)
                if isLeaving { return leave() }
                if chunk.isEmpty && !typed.isEmpty { continue }
                let isOpen = Mutex(true)
                let box = Box(isOpen: isOpen)
                Task {
                    if chunk.isEmpty {
                        // The end of a pty's input is a character, not a closed descriptor.
                        if isTerminal { try? await input.write([4]) } else { await input.finish() }
                    } else {
                        do { try await input.write(chunk) } catch { box.isOpen.withLock { $0 = false } }
                    }
                    written.signal()
                }
                written.wait()
                if chunk.isEmpty || !box.isOpen.withLock({ $0 }) { return }
            }
        }
    }
}

/// A flag that a thread and a task share.
private final class Box: Sendable {
    let isOpen: Mutex<Bool>
    init(isOpen: consuming Mutex<Bool>) { self.isOpen = isOpen }
}

/// A thread that nobody waits for.
enum Thread {
    static func detach(_ body: @escaping @Sendable () -> Void) {
        let thread = DispatchQueue(label: "ck.input")
        thread.async(execute: body)
    }
}
