/// How much of a stream is asked for at once: little where a process says a word now and then, much where it writes as fast as it is read.
///
/// A chunk is as large as what was asked for, so a small one does not hold memory for a large one. A pipe that is found full again and again
/// is worth widening: its two ends then work at the same time, instead of waking each other for every 64 KiB.
struct ReadSize: Equatable {
    /// What a pipe holds that nobody has widened.
    static let pipe = 64 * 1024
    /// What a pipe holds that has been widened: enough to go on reading while a writer hands over to the next.
    static let widePipe = 1024 * 1024
    /// What is asked of such a pipe at once: more would not stay in a processor's cache until it is looked at.
    static let largest = 256 * 1024
    private static let smallest = 4 * 1024

    private(set) var bytes = 16 * 1024

    /// - Returns: whether the pipe was full and should be widened; `widened` says that it was.
    mutating func adapt(to count: Int) -> Bool {
        switch count {
        case bytes where bytes < Self.pipe: bytes *= 4
        case Self.pipe where bytes == Self.pipe: return true
        case ..<(bytes / 4): bytes = max(Self.smallest, bytes / 4)
        default: break
        }
        return false
    }

    mutating func widened() { bytes = Self.largest }

    /// Whether what is read fits a pipe of the usual size again.
    var fitsPipe: Bool { bytes <= Self.pipe }
}
