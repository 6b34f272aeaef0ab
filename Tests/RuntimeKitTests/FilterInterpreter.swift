/// Runs classic BPF as the kernel does, for the instructions that a system call filter may hold. See: man 2 seccomp.
struct FilterInterpreter {
    private let instructions: [(code: UInt16, jt: Int, jf: Int, k: UInt32)]

    init(_ program: [UInt8]) {
        instructions = stride(from: 0, to: program.count - 7, by: 8).map { at in
            let bytes = program[at..<at + 8].map { UInt32($0) }
            return (
                UInt16(bytes[0] | bytes[1] << 8), Int(bytes[2]), Int(bytes[3]),
                bytes[4] | bytes[5] << 8 | bytes[6] << 16 | bytes[7] << 24
            )
        }
    }

    /// - Returns: what the filter answers, `SECCOMP_RET_…` with its data; nil for a program that is not one.
    func result(number: UInt32, architecture: UInt32, arguments: [UInt64] = []) -> UInt32? {
        var data = [UInt32](repeating: 0, count: 16)
        data[0] = number
        data[1] = architecture
        for (index, argument) in arguments.prefix(6).enumerated() {
            data[4 + 2 * index] = UInt32(truncatingIfNeeded: argument)
            data[5 + 2 * index] = UInt32(argument >> 32)
        }
        var accumulator: UInt32 = 0
        var at = 0
        while at < instructions.count {
            let (code, jt, jf, k) = instructions[at]
            at += 1
            switch code {
            case 0x20:
                guard k % 4 == 0, k / 4 < 16 else { return nil }
                accumulator = data[Int(k / 4)]
            case 0x05: at += Int(k)
            case 0x15: at += accumulator == k ? jt : jf
            case 0x25: at += accumulator > k ? jt : jf
            case 0x35: at += accumulator >= k ? jt : jf
            case 0x45: at += accumulator & k != 0 ? jt : jf
            case 0x54: accumulator &= k
            case 0x06: return k
            default: return nil
            }
        }
        return nil
    }
}
