/// The kernel's machine for socket filters, as far as a seccomp filter needs it: so that the tests can ask a compiled
/// program about every system call. See: linux/bpf_common.h, linux/filter.h.
struct ClassicMachine {
    struct Instruction {
        var code: UInt16
        var ifTrue: Int
        var ifFalse: Int
        var value: UInt32
    }

    /// What the filter is asked about: `struct seccomp_data`.
    struct Call {
        var number: UInt32
        var architecture: UInt32
        var arguments: [UInt64]

        func word(_ offset: UInt32) -> UInt32? {
            switch offset {
            case 0: return number
            case 4: return architecture
            case 16..<64 where offset % 4 == 0:
                let argument = arguments[Int(offset - 16) / 8]
                return UInt32(truncatingIfNeeded: offset % 8 == 0 ? argument : argument >> 32)
            default: return nil
            }
        }
    }

    let program: [Instruction]

    init(_ bytes: [UInt8]) {
        program = stride(from: 0, to: bytes.count, by: 8).map { start in
            func number(_ offset: Int, _ count: Int) -> UInt32 {
                (0..<count).reduce(0) { $0 | UInt32(bytes[start + offset + $1]) << UInt32(8 * $1) }
            }
            return Instruction(
                code: UInt16(number(0, 2)), ifTrue: Int(bytes[start + 2]), ifFalse: Int(bytes[start + 3]), value: number(4, 4))
        }
    }

    /// The answer and the number of steps; nil when the program does what the kernel would not load.
    func run(_ call: Call) -> (answer: UInt32, steps: Int)? {
        var accumulator: UInt32 = 0
        var index: UInt32 = 0
        var memory = [UInt32](repeating: 0, count: 16)
        var position = 0
        var steps = 0
        while program.indices.contains(position) {
            let instruction = program[position]
            position += 1
            steps += 1
            func jump(_ condition: Bool) { position += condition ? instruction.ifTrue : instruction.ifFalse }
            switch instruction.code {
            case 0x20:
                guard let word = call.word(instruction.value) else { return nil }
                accumulator = word
            case 0x05: position += Int(instruction.value)
            case 0x15: jump(accumulator == instruction.value)
            case 0x25: jump(accumulator > instruction.value)
            case 0x35: jump(accumulator >= instruction.value)
            case 0x45: jump(accumulator & instruction.value != 0)
            case 0x54: accumulator &= instruction.value
            case 0x02: memory[Int(instruction.value)] = accumulator
            case 0x60: accumulator = memory[Int(instruction.value)]
            case 0x07: index = accumulator
            case 0x87: accumulator = index
            case 0x06: return (instruction.value, steps)
            default: return nil
            }
        }
        return nil
    }

    /// The answer alone, to a call whose other arguments are 0.
    func result(number: UInt32, architecture: UInt32, arguments: [UInt64] = []) -> UInt32? {
        let arguments = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        return run(Call(number: number, architecture: architecture, arguments: arguments))?.answer
    }
}
