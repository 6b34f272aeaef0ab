import ContainerKit
import Dispatch
import Glibc

/// Signals that this program gets and the container is meant to.
final class SignalForwarding {
    private var sources: [any DispatchSourceSignal] = []
    private static let forwarded = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]

    init(console: Console, _ deliver: @escaping @Sendable (Int32) async -> Void) {
        for number in Self.forwarded {
            // A disposition that the kernel acts on would come before the source.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if number == SIGHUP && console.isTerminal {
                    // The terminal is gone, and with it who could type. A throwaway container ends with this program.
                    console.restore()
                    exit(128 + number)
                }
                Task { await deliver(number) }
            }
            source.activate()
            sources.append(source)
        }
    }

    func end() {
        for source in sources { source.cancel() }
        for number in Self.forwarded { signal(number, SIG_DFL) }
    }
}
