/// A program of classic BPF, as seccomp(2) takes it. See: linux/filter.h, linux/bpf_common.h.
struct SocketFilter: Sendable, Hashable {
    /// `struct sock_filter` array in the byte order of this machine.
    private(set) var bytes: [UInt8] = []

    init() {}
    init(bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count / 8 }

    /// `BPF_LD | BPF_W | BPF_ABS`: loads a word of `struct seccomp_data`.
    mutating func load(_ offset: UInt32) { instruction(0x20, 0, 0, offset) }
    /// `BPF_JMP | BPF_JEQ | BPF_K`.
    mutating func jumpIfEqual(_ value: UInt32, then: UInt8, otherwise: UInt8) { instruction(0x15, then, otherwise, value) }
    /// `BPF_JMP | BPF_JGT | BPF_K`, unsigned.
    mutating func jumpIfGreater(_ value: UInt32, then: UInt8, otherwise: UInt8) { instruction(0x25, then, otherwise, value) }
    /// `BPF_JMP | BPF_JGE | BPF_K`, unsigned.
    mutating func jumpIfGreaterOrEqual(_ value: UInt32, then: UInt8, otherwise: UInt8) { instruction(0x35, then, otherwise, value) }
    /// `BPF_JMP | BPF_JA`.
    mutating func jump(_ count: Int) { instruction(0x05, 0, 0, UInt32(truncatingIfNeeded: count)) }
    /// `BPF_RET | BPF_K`.
    mutating func answer(_ action: UInt32) { instruction(0x06, 0, 0, action) }

    private mutating func instruction(_ code: UInt16, _ jumpTrue: UInt8, _ jumpFalse: UInt8, _ value: UInt32) {
        withUnsafeBytes(of: code) { bytes.append(contentsOf: $0) }
        bytes.append(jumpTrue)
        bytes.append(jumpFalse)
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    /// `BPF_MAXINSNS`, the most that the kernel takes.
    static let limit = 4096
}
