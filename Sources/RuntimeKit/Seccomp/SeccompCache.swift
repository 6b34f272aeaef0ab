internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import Synchronization
public import SystemPackage

/// Compiled system call filters, in memory and on disk: libseccomp needs some 13 ms for Docker's default profile, which is
/// more than the rest of a launch.
public final class SeccompCache: Sendable {
    private let directory: FilePath?
    private let programs = Mutex<[SeccompKey: [UInt8]]>([:])
    private let recent = Mutex(RecentProfiles<[UInt8]>())
    /// Held while one profile is compiled, so that a hundred first launches at once compile it once.
    private let compiling = Mutex<Int>(0)
    /// More are dropped all at once: an engine uses two or three.
    private static let limit = 64

    /// A cache that keeps its files in `directory`, which is made (0700) on first use; nil keeps them in memory only. Files that
    /// another user may write are not read.
    public init(directory: FilePath?) { self.directory = directory }

    /// How many profiles were compiled.
    package var compilations: Int { compiling.withLock { $0 } }

    /// The program of a validated profile. Blocks: microseconds when it is known, else up to some 10 ms.
    /// - Throws: `RuntimeError.Code.seccompFailed`.
    func program(for profile: RuntimeConfiguration.Seccomp) throws(RuntimeError) -> [UInt8] {
        if let program = recent.withLock({ $0[profile] }) { return program }
        let program = try program(of: profile)
        recent.withLock { $0.keep(program, for: profile) }
        return program
    }

    private func program(of profile: RuntimeConfiguration.Seccomp) throws(RuntimeError) -> [UInt8] {
        let key = SeccompKey(profile)
        if let program = known(key) { return program }
        return try compiling.withLock { compilations throws(RuntimeError) in
            // Another thread may have been faster.
            if let program = known(key) { return program }
            if let program = load(key) {
                keep(program, key)
                return program
            }
            let program = try SeccompCompiler.compile(profile)
            compilations += 1
            keep(program, key)
            store(program, key)
            return program
        }
    }

    private func known(_ key: SeccompKey) -> [UInt8]? { programs.withLock { $0[key] } }

    private func keep(_ program: [UInt8], _ key: SeccompKey) {
        programs.withLock { programs in
            if programs.count >= Self.limit { programs.removeAll() }
            programs[key] = program
        }
    }

    private static let magic: UInt32 = 0x434b_5343  // "CKSC"

    /// A file that is missing, damaged, of another key, or another user's is as good as none.
    private func load(_ key: SeccompKey) -> [UInt8]? {
        guard let path = directory?.appending(key.fileName),
            let file = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW), Self.isPrivate(file.rawValue),
            let bytes = try? file.readAll(limit: 1 << 20)
        else { return nil }
        var reader = FrameReader(bytes)
        guard (try? reader.read(UInt32.self)) == Self.magic, let storedKey = try? reader.readBytes(), storedKey == key.bytes,
            let program = try? reader.readBytes(), (try? reader.read(UInt32.self)) == Self.checksum(program),
            (try? reader.finish()) != nil, !program.isEmpty, program.count % 8 == 0, program.count / 8 <= SocketFilter.limit
        else { return nil }
        return program
    }

    /// Written under another name and moved, so that no reader sees a part. Failing to store costs time later, nothing else.
    private func store(_ program: [UInt8], _ key: SeccompKey) {
        guard let directory else { return }
        var writer = FrameWriter(capacity: key.bytes.count + program.count + 32)
        writer.append(Self.magic)
        writer.append(key.bytes)
        writer.append(program)
        writer.append(Self.checksum(program))
        Self.makeDirectory(directory)
        let temporary = directory.appending(".\(key.fileName).\(getpid())").string
        unlink(temporary)
        do {
            let file = try OwnedDescriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try writer.bytes.withUnsafeBytes { (bytes) throws -> Void in try file.writeAll(bytes) }
            if rename(temporary, directory.appending(key.fileName).string) != 0 { unlink(temporary) }
        } catch { unlink(temporary) }
    }

    private static func makeDirectory(_ path: FilePath) {
        if mkdir(path.string, 0o700) != 0, errno == ENOENT {
            mkdir(path.removingLastComponent().string, 0o700)
            mkdir(path.string, 0o700)
        }
    }

    private static func isPrivate(_ descriptor: CInt) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_uid == geteuid() && status.st_mode & 0o022 == 0
            && status.st_mode & S_IFMT == S_IFREG
    }

    /// Against a half-written file after a power cut; not against an enemy, who cannot write here.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    }
}
