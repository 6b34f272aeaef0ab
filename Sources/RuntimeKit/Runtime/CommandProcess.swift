internal import Glibc
internal import LinuxSystem
internal import RuntimeChild
public import SystemPackage

/// A process that a `CommandRuntime` made: a child of this process, which waits for it or leaves it behind.
public final class CommandProcess: Sendable {
    private let descriptor: SharedDescriptor
    private let master: SharedDescriptor?
    /// As this process numbers it.
    public let pid: Int32

    init(_ process: LaunchedProcess, handsOverTerminal: Bool) {
        descriptor = process.descriptor
        master = handsOverTerminal ? nil : process.terminal
        pid = process.pid
    }

    /// The pty master, when it has a terminal and no console socket took that; valid as long as this object.
    public var terminal: FileDescriptor? { master?.borrowed }

    /// Its pidfd: readable when it has ended; valid as long as this object.
    public var processDescriptor: FileDescriptor { descriptor.borrowed }

    /// Whether it has ended, waiting for that unless `blocking` is false.
    /// - Returns: the exit code, or 128 and the signal; nil while it runs.
    /// - Throws: `Errno.noChildProcess` when somebody else has waited for it. See: man 2 waitid.
    public func wait(blocking: Bool = true) throws(Errno) -> Int32? {
        guard let reaped = try ReapedProcess.wait(for: .descriptor(descriptor.rawValue), blocking: blocking) else { return nil }
        return switch reaped.status {
        case .exited(let code): code
        case .signaled(let signal, _): 128 + signal
        }
    }

    /// Sends a signal to it. See: man 2 pidfd_send_signal.
    public func send(_ signal: Int32) throws(Errno) { try descriptor.sendSignal(signal) }

    /// Sets the size of its terminal; does nothing without one.
    public func resize(rows: UInt16, columns: UInt16) throws(Errno) {
        if let master { try TerminalControl.resize(master, rows: rows, columns: columns) }
    }
}
