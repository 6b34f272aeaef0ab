import Glibc
import OCIModel
import Testing

/// Signals as an image's StopSignal and `--stop-signal` have them. See: man 7 signal.
@Suite struct SignalTests {
    /// The C library's numbers of this machine.
    static let named: [(String, Int32)] = [
        ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("ILL", SIGILL), ("TRAP", SIGTRAP), ("ABRT", SIGABRT), ("BUS", SIGBUS),
        ("FPE", SIGFPE), ("KILL", SIGKILL), ("USR1", SIGUSR1), ("SEGV", SIGSEGV), ("USR2", SIGUSR2), ("PIPE", SIGPIPE),
        ("ALRM", SIGALRM), ("TERM", SIGTERM), ("STKFLT", SIGSTKFLT), ("CHLD", SIGCHLD), ("CONT", SIGCONT), ("STOP", SIGSTOP),
        ("TSTP", SIGTSTP), ("TTIN", SIGTTIN), ("TTOU", SIGTTOU), ("URG", SIGURG), ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ),
        ("VTALRM", SIGVTALRM), ("PROF", SIGPROF), ("WINCH", SIGWINCH), ("IO", SIGIO), ("PWR", SIGPWR), ("SYS", SIGSYS),
    ]

    @Test(arguments: named) func namesOfTheCLibrary(_ name: String, _ number: Int32) {
        for text in [name, "SIG\(name)", name.lowercased(), "sig\(name.lowercased())", "Sig\(name)", "\(number)"] {
            #expect(Signal(text)?.rawValue == number, "\(text)")
        }
        #expect(Signal(rawValue: number).description == "SIG\(name)")
    }

    @Test func everyNumber() {
        for number in Int32(-1)...70 {
            #expect(Signal("\(number)")?.rawValue == ((1...64).contains(number) ? number : nil), "\(number)")
        }
        // Every description but those of the two that the C library keeps is read back.
        for number in Int32(1)...64 { #expect(Signal(Signal(rawValue: number).description)?.rawValue == number) }
        #expect(Signal(rawValue: 32).description == "32")
        #expect(Signal(rawValue: 0).description == "0")
        #expect(Signal(rawValue: 65).description == "65")
    }

    @Test func realTime() {
        for offset in Int32(0)...30 {
            #expect(Signal("RTMIN+\(offset)")?.rawValue == 34 + offset)
            #expect(Signal("SIGRTMIN+\(offset)")?.rawValue == 34 + offset)
            #expect(Signal("sigrtmax-\(offset)")?.rawValue == 64 - offset)
        }
        #expect(Signal("RTMIN")?.rawValue == 34)
        #expect(Signal("SIGRTMAX")?.rawValue == 64)
        // systemd's halt.
        #expect(Signal("SIGRTMIN+3")?.description == "SIGRTMIN+3")
    }

    static let bad = [
        "", " ", "SIG", "SIGSIGTERM", "TERM ", " TERM", "SIGTERM\n", "SIG15", "15 ", "0x0f", "15.0", "-15", "+15", "SIGNONE", "RTMIN-1",
        "RTMIN+", "RTMIN+31", "RTMIN+x", "RTMIN++1", "RTMIN+-0", "RTMIN+ 1", "RTMAX+1", "RTMAX-31", "RTMAX-", "RTMAX--1",
        "RTMIN+2147483648",
        "RTMIN+2147483647", "99999999999", "ＴＥＲＭ", "TERM\u{0}",
    ]

    @Test(arguments: bad) func refuses(_ text: String) {
        #expect(Signal(text) == nil)
    }

    @Test func constants() {
        let constants: [(Signal, Int32)] = [
            (.hangup, SIGHUP), (.interrupt, SIGINT), (.quit, SIGQUIT), (.abort, SIGABRT), (.kill, SIGKILL), (.user1, SIGUSR1),
            (.segmentationFault, SIGSEGV), (.user2, SIGUSR2), (.terminate, SIGTERM), (.windowChange, SIGWINCH),
        ]
        for (signal, number) in constants { #expect(signal.rawValue == number) }
    }
}
