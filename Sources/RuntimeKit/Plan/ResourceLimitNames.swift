/// Names of setrlimit(2) for the kernel's numbers, which x86-64 and arm64 share (asm-generic/resource.h).
enum ResourceLimitName {
    static func number(_ name: String) -> Int32? { numbers[name] }

    private static let numbers: [String: Int32] = [
        "RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
        "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10, "RLIMIT_SIGPENDING": 11,
        "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
    ]

    /// For messages.
    static func name(_ number: Int32) -> String { numbers.first { $0.value == number }?.key ?? "limit \(number)" }
}
