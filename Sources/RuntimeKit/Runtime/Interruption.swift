internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Breaks off a call that takes long.
public final class Interruption: Sendable {
    /// Readable from then on.
    private let source: SharedDescriptor
    private let trigger: SharedDescriptor?

    private init(_ source: SharedDescriptor, trigger: SharedDescriptor? = nil) {
        self.source = source
        self.trigger = trigger
    }

    /// One for `interrupt()`.
    /// - Throws: `RuntimeError.Code.resourceExhausted`.
    public static func manual() throws(RuntimeError) -> Interruption {
        do throws(Errno) {
            let pipe = try Pipe()
            return Interruption(pipe.reading, trigger: pipe.writing)
        } catch { throw exhausted(error) }
    }

    /// The signals that ask a command to end: SIGINT, SIGTERM, SIGHUP and SIGQUIT, which the calling thread blocks from now on.
    /// - Throws: `RuntimeError.Code.resourceExhausted`.
    public static func signals() throws(RuntimeError) -> Interruption {
        do throws(Errno) { return Interruption(SharedDescriptor(try .blockedSignals([SIGINT, SIGTERM, SIGHUP, SIGQUIT]))) } catch {
            throw exhausted(error)
        }
    }

    /// Breaks the call off, from whatever thread; of one that waits for signals it does nothing.
    public func interrupt() { try? trigger?.withDescriptor { descriptor throws(Errno) in try descriptor.write("0") } }

    /// For poll(2).
    var descriptor: Int32 { source.rawValue }

    private static func exhausted(_ errno: Errno) -> RuntimeError {
        RuntimeError(.resourceExhausted, .host, "no descriptor is left for breaking it off", errno: errno)
    }
}
