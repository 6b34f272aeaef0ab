internal import OCIModel

/// Answers ENOSYS to system calls that are newer than the profile, before its filter is asked. A C library takes ENOSYS for
/// an old kernel and falls back to an older call; the EPERM of a profile that could not know the call it takes for an answer.
///
/// Newer is: above every number that the profile names for the architecture, and above those of Linux 4.18.
struct UnknownCallPrologue {
    private(set) var filter = SocketFilter()
    private static let answer: UInt32 = 0x0005_0000 | 38  // SECCOMP_RET_ERRNO, ENOSYS
    private static let numberOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4

    /// nil where the default action lets a call through or decides elsewhere: then an unknown call is treated as any other.
    init?(_ profile: RuntimeConfiguration.Seccomp, architectures: [FilterArchitecture]) {
        switch profile.defaultAction {
        case .errno where profile.defaultErrnoRet == 38: return nil
        case .errno, .kill, .killThread, .killProcess, .trap: break
        default: return nil
        }
        let names = Set((profile.syscalls ?? []).flatMap(\.names))
        func last(_ architecture: FilterArchitecture) -> UInt32 {
            names.reduce(architecture.lastOldCall) { max($0, architecture.number(of: $1) ?? 0) }
        }
        // Each block ends with a jump behind the last one, whose distance is known when all are there: blocks from the end.
        var blocks: [SocketFilter] = []
        var behind = 0
        for architecture in architectures.reversed() where architecture != .x32 {
            var body = SocketFilter()
            body.load(Self.numberOffset)
            if architecture == .x8664 {
                let hasX32 = architectures.contains(.x32)
                // The kernel tells x32 from x86-64 only by bit 30. Without x32 in the profile its filter refuses them.
                body.jumpIfGreaterOrEqual(FilterArchitecture.x32Bit, then: 0, otherwise: hasX32 ? 3 : 1)
                if hasX32 {
                    body.jumpIfGreater(last(.x32), then: 0, otherwise: 1)
                    body.answer(Self.answer)
                }
                body.jump(behind + 3)
            }
            body.jumpIfGreater(last(architecture), then: 0, otherwise: 1)
            body.answer(Self.answer)
            body.jump(behind)
            var block = SocketFilter()
            block.jumpIfEqual(architecture.token, then: 0, otherwise: UInt8(body.count))
            block.append(body)
            behind += block.count
            blocks.insert(block, at: 0)
        }
        filter.load(Self.architectureOffset)
        for block in blocks { filter.append(block) }
    }
}

extension SocketFilter {
    /// Adds the instructions of another program.
    mutating func append(_ other: SocketFilter) { self = SocketFilter(bytes: bytes + other.bytes) }
}
