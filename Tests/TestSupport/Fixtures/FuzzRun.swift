import Glibc

/// How long a fuzz target runs: `CONTAINERKIT_FUZZ_SECONDS` (`make fuzz`: 60), each time with other inputs; by default one second, with the
/// same inputs each time. `CONTAINERKIT_FUZZ_SEED` repeats a failure, with a duration of 0 nothing but it.
package enum FuzzRun {
    /// Calls `body` with one number after another until the time is over and prints the first. At least `least` times, on a busy machine
    /// too; once where `CONTAINERKIT_FUZZ_SECONDS` is 0.
    package static func run(_ target: String, atLeast least: Int = 1, _ body: (UInt64) throws -> Void) rethrows {
        let seconds = number("CONTAINERKIT_FUZZ_SECONDS")
        let seed = number("CONTAINERKIT_FUZZ_SEED") ?? (seconds == nil ? 1 : .random(in: 0...UInt64(UInt32.max)))
        let end = ContinuousClock.now + .seconds(Int64(seconds ?? 1))
        print("Fuzzing of \(target) begins at seed \(seed)")
        let least = seconds == 0 ? 1 : least
        var count = 0
        repeat {
            try body(seed &+ UInt64(count))
            count += 1
        } while ContinuousClock.now < end || count < least
        print("Fuzzing of \(target): \(count) inputs")
    }

    /// Whether it runs so long that every kind of input must have come.
    package static var isWhole: Bool { number("CONTAINERKIT_FUZZ_SECONDS") != 0 }

    private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }
}
