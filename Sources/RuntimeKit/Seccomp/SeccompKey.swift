internal import LinuxSystem
internal import OCIModel

/// Everything that a compiled program depends on, in one form: the profile, the machine, the library, and this compiler.
/// It is the whole content, not a digest of it, so that two profiles can never be taken for each other.
struct SeccompKey: Sendable, Hashable {
    let bytes: [UInt8]

    init(_ profile: RuntimeConfiguration.Seccomp) {
        var writer = FrameWriter(capacity: 16384)
        writer.append(SeccompCompiler.version)
        writer.append(SeccompNames.libraryVersion)
        writer.append(SeccompCompiler.architectures(of: profile)) { $0.append($1.token) }
        writer.append(profile.defaultAction.rawValue)
        writer.append(profile.defaultErrnoRet ?? 1)
        writer.append(profile.syscalls ?? []) { writer, rule in
            writer.append(rule.names) { $0.append($1) }
            writer.append(rule.action.rawValue)
            writer.append(rule.errnoRet ?? 1)
            writer.append(rule.args ?? []) { writer, argument in
                writer.append(argument.index)
                writer.append(argument.op)
                writer.append(argument.value)
                writer.append(argument.valueTwo ?? 0)
            }
        }
        bytes = writer.bytes
    }

    /// A name for a file: FNV-1a, 64 bits. Only a name; the file holds the key.
    var fileName: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
