import BundleChild
import CLinux
import Crypto
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// Unpacks archives into directories below one of a test, by the unpacker's own function in this process.
final class LayerBench {
    let directory: FilePath
    /// Names of what was unpacked, lowest first.
    private(set) var layers: [String] = []

    init(_ directory: FilePath) throws {
        self.directory = directory
        try TestDirectory.create(directory.appending("layers"))
    }

    func path(_ layer: Int) -> FilePath { directory.appending("layers").appending(layers[layer]) }

    /// Unpacks onto what was unpacked before.
    func unpack(
        _ archive: [UInt8], compressed: [UInt8]? = nil, _ compression: LayerCompression = .none, lowerIsKnown: Bool = true,
        settles: Bool = false,
        limits: UnpackLimits = UnpackLimits(), diffID: [UInt8]? = nil
    ) throws -> UnpackOutcome {
        let name = "layer\(layers.count)"
        let target = directory.appending("layers").appending(name)
        try TestDirectory.remove(target)
        try TestDirectory.create(target)
        let blob = compressed ?? archive
        let file = OwnedDescriptor(CInt(ck_memfd_create("blob", UInt32(MFD_CLOEXEC))))
        try blob.withUnsafeBytes { try file.writeAll($0) }
        lseek(file.rawValue, 0, SEEK_SET)
        let staging = try OwnedDescriptor.open(target.string, flags: O_DIRECTORY)
        let store = try OwnedDescriptor.open(directory.appending("layers").string, flags: O_DIRECTORY)
        let request = UnpackRequest(
            compression: compression, blobSize: UInt64(blob.count), diffID: diffID ?? Array(SHA256.hash(data: archive)),
            lower: lowerIsKnown ? layers.reversed() : nil, limits: limits)
        // Through the frames, as the role does.
        let outcome = unpackLayer(
            try UnpackRequest(decoding: request.encoded()), blob: file.rawValue, staging: staging.rawValue, layers: store.rawValue,
            lower: { [layers] _ in settles ? layers.reversed() : nil })
        let decoded = try UnpackOutcome(decoding: outcome.encoded())
        if case .done = decoded { layers.append(name) }
        return decoded
    }

    /// Unpacks and expects success.
    @discardableResult
    func add(_ archive: TarArchive) throws -> UnpackReport {
        switch try unpack(archive.finished()) {
        case .done(let report), .written(let report): return report
        case .failed(let failure): throw failure
        case .read: throw Errno.invalidArgument
        }
    }

    /// The code of the failure that unpacking ends in, nil for success.
    func failure(_ archive: TarArchive, limits: UnpackLimits = UnpackLimits()) throws -> UnpackFailure? {
        if case .failed(let failure) = try unpack(archive.finished(), limits: limits) { return failure }
        return nil
    }
}

/// Facts of a file, links not followed.
struct FileFacts: Equatable {
    var kind: UInt32
    var mode: UInt32
    var user: UInt32
    var group: UInt32
    var modified: Int
    var links: Int
    var device: UInt64
    var size: Int
    var blocks: Int
    var inode: UInt64

    init?(_ path: FilePath) {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { return nil }
        kind = UInt32(status.st_mode) & 0o170000
        mode = UInt32(status.st_mode) & 0o7777
        user = status.st_uid
        group = status.st_gid
        modified = status.st_mtim.tv_sec
        links = Int(status.st_nlink)
        device = UInt64(status.st_rdev)
        size = Int(status.st_size)
        blocks = Int(status.st_blocks)
        inode = UInt64(status.st_ino)
    }

    var isWhiteout: Bool { kind == 0o020000 && device == 0 }
    var isDirectory: Bool { kind == 0o040000 }
}

/// An extended attribute of a file, link not followed.
func attribute(_ name: String, of path: FilePath) -> [UInt8]? {
    var value = [UInt8](repeating: 0, count: 4096)
    let count = lgetxattr(path.string, name, &value, value.count)
    return count < 0 ? nil : Array(value[..<count])
}
