import Glibc
import RuntimeKit
import SystemPackage

/// The command in the foreground while its process runs: hands signals on, and between two terminals the bytes.
struct Foreground {
    /// Blocks every signal, so that none is lost between the launch and the wait: the process gets an empty mask of its own.
    init() {
        var all = sigset_t()
        sigfillset(&all)
        sigprocmask(SIG_BLOCK, &all, nil)
    }

    /// - Returns: the exit status, 128 and the number for a signal.
    func wait(for process: CommandProcess) -> Int32 {
        if let terminal = process.terminal { return Console(terminal: terminal, process: process).run() }
        var all = sigset_t()
        sigfillset(&all)
        while true {
            var information = siginfo_t()
            let number = sigwaitinfo(&all, &information)
            if number == SIGCHLD {
                do { if let status = try process.wait(blocking: false) { return status } } catch { return 255 }
            } else if number > 0 {
                Self.forward(number, to: process)
            }
        }
    }

    static func forward(_ number: Int32, to process: CommandProcess) {
        // Its own business: the descriptor of a reader that went away, and job control of this process.
        if number == SIGPIPE || number == SIGURG { return }
        try? process.send(number)
    }
}
