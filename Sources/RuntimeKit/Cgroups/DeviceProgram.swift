/// The device filter of cgroup v2: a program of the kernel's virtual machine that is asked on each open and mknod.
///
/// It answers as a list in which the last rule that names a device and a kind of access decides about it. Rules are tested
/// from the last to the first; register 3 holds the kinds of access that are not decided yet. See: man 2 bpf
/// (BPF_PROG_TYPE_CGROUP_DEVICE), kernel's cgroup-v2.rst "Device controller", linux/bpf.h.
struct DeviceProgram {
    /// `struct bpf_insn` array in the byte order of this machine.
    private(set) var bytes: [UInt8] = []

    init(_ rules: [DeviceRule]) {
        // struct bpf_cgroup_dev_ctx { u32 access_type /* access << 16 | type */, major, minor }, pointed to by register 1.
        loadWord(into: 2, offset: 0)
        copy(3, from: 2)
        and(2, 0xffff)
        shiftRight(3, 16)
        loadWord(into: 4, offset: 4)
        loadWord(into: 5, offset: 8)
        // What stands before a rule for everything is never asked.
        let start = rules.lastIndex { $0.isEverything }
        for rule in rules[(start.map { $0 + 1 } ?? 0)...].reversed() { append(rule) }
        answer(start.map { rules[$0].allow } ?? false)
    }

    private mutating func append(_ rule: DeviceRule) {
        // First the size of the body, which is what a test that fails jumps over.
        let body = rule.access == .all ? 2 : (rule.allow ? 4 : 5)
        var tests: [(UInt8, Int32)] = []
        if let isBlock = rule.isBlock { tests.append((2, isBlock ? 1 : 2)) }
        if let major = rule.major { tests.append((4, Int32(major))) }
        if let minor = rule.minor { tests.append((5, Int32(minor))) }
        for (index, (register, value)) in tests.enumerated() {
            jumpIfNotEqual(register, value, over: Int16(tests.count - index - 1 + body))
        }
        if rule.access == .all {
            answer(rule.allow)
        } else if rule.allow {
            and(3, ~Int32(rule.access.rawValue))
            jumpIfNotEqual(3, 0, over: 2)
            answer(true)
        } else {
            copy(0, from: 3)
            and(0, Int32(rule.access.rawValue))
            jumpIfEqual(0, 0, over: 2)
            answer(false)
        }
    }

    private mutating func answer(_ allow: Bool) {
        instruction(0xb7, 0, 0, 0, allow ? 1 : 0)  // BPF_ALU64 | BPF_MOV | BPF_K
        instruction(0x95, 0, 0, 0, 0)  // BPF_JMP | BPF_EXIT
    }

    private mutating func loadWord(into register: UInt8, offset: Int16) { instruction(0x61, register, 1, offset, 0) }
    private mutating func copy(_ register: UInt8, from source: UInt8) { instruction(0xbf, register, source, 0, 0) }
    private mutating func and(_ register: UInt8, _ value: Int32) { instruction(0x57, register, 0, 0, value) }
    private mutating func shiftRight(_ register: UInt8, _ value: Int32) { instruction(0x77, register, 0, 0, value) }
    private mutating func jumpIfNotEqual(_ register: UInt8, _ value: Int32, over count: Int16) {
        instruction(0x55, register, 0, count, value)
    }
    private mutating func jumpIfEqual(_ register: UInt8, _ value: Int32, over count: Int16) {
        instruction(0x15, register, 0, count, value)
    }

    /// Opcode, the registers in one byte, a jump or memory offset, an immediate value.
    private mutating func instruction(_ code: UInt8, _ destination: UInt8, _ source: UInt8, _ offset: Int16, _ immediate: Int32) {
        bytes.append(code)
        // A bit field: the destination in the low half on little-endian machines.
        bytes.append(1.littleEndian == 1 ? source << 4 | destination : destination << 4 | source)
        withUnsafeBytes(of: offset) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: immediate) { bytes.append(contentsOf: $0) }
    }
}
