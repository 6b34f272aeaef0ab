/// A signal, by number. See: man 7 signal; numbers of x86-64 and arm64.
public struct Signal: RawRepresentable, Sendable, Hashable {
    public var rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let hangup = Signal(rawValue: 1)
    public static let interrupt = Signal(rawValue: 2)
    public static let quit = Signal(rawValue: 3)
    public static let abort = Signal(rawValue: 6)
    public static let kill = Signal(rawValue: 9)
    public static let user1 = Signal(rawValue: 10)
    public static let segmentationFault = Signal(rawValue: 11)
    public static let user2 = Signal(rawValue: 12)
    public static let terminate = Signal(rawValue: 15)
    public static let windowChange = Signal(rawValue: 28)

    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
        "PWR", "SYS",
    ]

    /// The lowest and highest real-time signal that a program may use (man 7 signal, glibc keeps two).
    private static let realTime: ClosedRange<Int32> = 34...64

    /// From `SIGTERM`, `TERM`, `15`, `RTMIN+3` or `SIGRTMAX-1`, in any case, as an image's StopSignal has it.
    /// - Returns: nil for anything else.
    public init?(_ text: String) {
        if let number = Self.number(text), (1...64).contains(number) {
            self.init(rawValue: number)
            return
        }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let index = Self.names.firstIndex(of: name) {
            self.init(rawValue: Int32(index) + 1)
            return
        }
        let number: Int32
        if name == "RTMIN" {
            number = Self.realTime.lowerBound
        } else if name == "RTMAX" {
            number = Self.realTime.upperBound
        } else if name.hasPrefix("RTMIN+"), let offset = Self.number(name.dropFirst(6)), offset <= 64 {
            number = Self.realTime.lowerBound + offset
        } else if name.hasPrefix("RTMAX-"), let offset = Self.number(name.dropFirst(6)), offset <= 64 {
            number = Self.realTime.upperBound - offset
        } else {
            return nil
        }
        guard Self.realTime.contains(number) else { return nil }
        self.init(rawValue: number)
    }

    /// Digits only: Int32 would take a sign too.
    private static func number(_ text: some StringProtocol) -> Int32? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int32(text) : nil
    }
}

extension Signal: CustomStringConvertible {
    /// `SIGTERM`; `SIGRTMIN+3`; the bare number for one without a name.
    public var description: String {
        if (1...Int32(Self.names.count)).contains(rawValue) { return "SIG" + Self.names[Int(rawValue) - 1] }
        if Self.realTime.contains(rawValue) { return "SIGRTMIN+\(rawValue - Self.realTime.lowerBound)" }
        return "\(rawValue)"
    }
}
