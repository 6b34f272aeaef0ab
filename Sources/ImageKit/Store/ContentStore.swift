internal import CLinux
internal import FoundationEssentials
public import LinuxSystem
public import OCIModel
internal import Synchronization
public import SystemPackage

/// Blobs and names of images: an OCI image layout on disk, which skopeo and umoci read.
///
/// Several programs may use one store. Its calls block on the file system: from a thread of one's own. See: image-spec
/// 1.1, image-layout.md.
public final class ContentStore: Sendable {
    /// How much a power failure may cost.
    public enum Durability: Sendable {
        /// One flush of the file system an image. After an unclean stop of the machine, blobs that were not flushed yet
        /// are dropped.
        case perImage
        /// None: for tests, and stores in memory.
        case none
    }

    /// `<root>/content`.
    public let path: FilePath
    public let durability: Durability
    let bootID: String
    private static let formatVersion = 1

    /// Opens a store, and makes it when it is missing.
    ///
    /// - Parameters:
    ///   - path: its directory; the parent exists. What programs that died left is removed, but for downloads that can be resumed.
    ///   - durability: how much a power failure may cost.
    /// - Throws: `.storeTooNew`, `.permissionDenied`, `.storageFull`, `.storeUnusable`.
    public init(at path: FilePath, durability: Durability = .perImage) throws(ImageError) {
        self.path = path
        self.durability = durability
        do throws(Errno) {
            for directory in [
                path, path.appending("blobs"), path.appending("blobs/sha256"), path.appending("blobs/sha512"),
                path.appending("ingest"), path.appending("unsynced"), path.appending("trash"), path.appending("leases"),
                path.appending("dropped"),
            ] {
                let result = ck_mkdirat(AT_FDCWD, directory.string, 0o700)
                if result != -Int(EEXIST) { try check(result) }
            }
            bootID = try BootID.read()
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the image store cannot be made") }
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        try checkVersion()
        do throws(Errno) {
            if try Self.contents(of: path.appending("oci-layout")) == nil {
                try replace("oci-layout", with: "{\"imageLayoutVersion\":\"1.0.0\"}")
            }
            try removeDeadIngests(olderThan: .seconds(7 * 86400))
            try emptyTrash()
            try removeUnfinishedFiles()
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the image store cannot be prepared") }
    }

    private func checkVersion() throws(ImageError) {
        do throws(Errno) {
            guard let text = try Self.contents(of: path.appending("format")) else {
                return try replace("format", with: "\(Self.formatVersion)\n")
            }
            let version = Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) ?? .max
            if version <= Self.formatVersion { return }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the store's format cannot be read") }
        throw ImageError(.storeTooNew, .path(path), "the image store has a newer format than this program knows")
    }

    // MARK: blobs

    func path(of digest: Digest) -> FilePath { path.appending("blobs/\(digest.algorithm.rawValue)/\(digest.hex)") }

    /// Whether the store has the blob. One that an unclean stop may have damaged is dropped here.
    public func contains(_ digest: Digest) -> Bool { contains(digest, isLocked: false) }

    /// - Parameter isLocked: whether the caller holds the store's lock.
    func contains(_ digest: Digest, isLocked: Bool) -> Bool {
        guard isSuspect(digest) else { return exists(path(of: digest)) }
        // Somebody may be bringing it anew: looked at once more, alone.
        let lock = isLocked ? nil : try? lockIndex()
        defer { withExtendedLifetime(lock) {} }
        guard isSuspect(digest) else { return exists(path(of: digest)) }
        _ = ck_unlinkat(AT_FDCWD, path(of: digest).string, 0)
        _ = ck_unlinkat(AT_FDCWD, markerPath(digest), 0)
        return false
    }

    private func exists(_ path: FilePath) -> Bool {
        var status = stat()
        return ck_fstatat(AT_FDCWD, path.string, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Opens a verified blob for reading, at its start.
    /// - Throws: `.notInStore`.
    public func openBlob(_ digest: Digest) throws(ImageError) -> OwnedDescriptor {
        do throws(Errno) {
            return try OwnedDescriptor.open(path(of: digest).string, flags: O_RDONLY | O_NOFOLLOW)
        } catch { throw ImageErrorAdvice.error(error, .blob(digest), "the store does not have it") }
    }

    /// A small blob's bytes: a manifest or a configuration.
    func document(_ digest: Digest, limit: Int = 4 << 20) throws(ImageError) -> [UInt8] {
        let blob = try openBlob(digest)
        do throws(Errno) { return try blob.readAll(limit: limit) } catch {
            // The reader's limit, not the file system's.
            if error == .fileTooLarge {
                throw ImageError(.oversizedBody, .blob(digest), "the document is larger than \(limit) bytes")
            }
            throw ImageErrorAdvice.error(error, .blob(digest), "it cannot be read")
        }
    }

    // MARK: files

    /// Replaces a file in one step; readers see the old or the new one.
    func replace(_ name: String, with text: String) throws(Errno) {
        let new = path.appending(".\(name).\(getpid()).\(UInt32.random(in: 0 ... .max))").string
        let file = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        do throws(Errno) {
            let bytes = Array(text.utf8)
            var failure: Errno?
            bytes.withUnsafeBytes { bytes in
                do throws(Errno) { try file.writeAll(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
            if durability == .perImage, fsync(file.rawValue) != 0 { throw .ioError }
            try check(ck_renameat2(AT_FDCWD, new, AT_FDCWD, path.appending(name).string, 0))
        } catch {
            _ = ck_unlinkat(AT_FDCWD, new, 0)
            throw error
        }
        guard durability == .perImage else { return }
        let directory = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)
        if fsync(directory.rawValue) != 0 { throw .ioError }
    }

    /// - Returns: nil when there is no such file.
    static func contents(of path: FilePath) throws(Errno) -> [UInt8]? {
        do throws(Errno) {
            return try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW).readAll(limit: 64 << 20)
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }
}
