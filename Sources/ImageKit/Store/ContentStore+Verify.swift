internal import CLinux
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

/// What is wrong with a store.
public struct StoreReport: Sendable, Hashable {
    /// One thing that is wrong.
    public enum Problem: Sendable, Hashable {
        /// The bytes are not those that the digest names.
        case damagedBlob(Digest)
        /// A file among the blobs that is none: by its name, or because it is a link, a directory, a pipe.
        case foreignFile(String)
        /// A name points at something that is not there, or not whole: the image has to be pulled again.
        case incompleteImage(Reference, missing: Digest)
        /// `index.json` does not parse: the names are lost, the blobs are not.
        case damagedIndex
        /// What a program that died left behind.
        case leftover(String)
    }

    public var problems: [Problem] = []
    /// Blobs that were read and hashed.
    public var blobs = 0
    public var bytes: ByteCount = .bytes(0)
    /// Whether the problems were repaired.
    public var isRepaired = false
    /// Nothing is wrong.
    public var isClean: Bool { problems.isEmpty }
}

extension ContentStore {
    /// Reads every blob and checks everything else.
    ///
    /// Repairing removes what is damaged or foreign, so that the next pull brings it anew, and what dead programs left. Names of images
    /// that are not whole stay: a pull completes them.
    /// - Parameter repair: whether problems are repaired; off by default.
    /// - Throws: when the store cannot be read at all.
    public func verify(repair: Bool = false) throws(ImageError) -> StoreReport {
        var report = StoreReport()
        do throws(Errno) {
            for algorithm in Digest.Algorithm.allCases { try verifyBlobs(algorithm, repair, &report) }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the store cannot be looked through") }
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        do throws(Errno) { try verifyLeftovers(repair, &report) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "the store cannot be looked through")
        }
        do throws(ImageError) {
            for name in try names() {
                if let missing = missingBlob(of: name.descriptor, depth: 0) {
                    report.problems.append(.incompleteImage(name.reference, missing: missing))
                }
            }
        } catch {
            guard error.code == .malformedDocument else { throw error }
            report.problems.append(.damagedIndex)
            if repair {
                let old = path.appending("index.json").string
                let new = path.appending("index.json.damaged.\(UInt32.random(in: 0 ... .max))").string
                do throws(Errno) { try check(ck_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0)) } catch {
                    throw ImageErrorAdvice.error(error, .path(path), "index.json cannot be replaced")
                }
            }
        }
        report.isRepaired = repair && !report.isClean
        return report
    }

    private func verifyBlobs(_ algorithm: Digest.Algorithm, _ repair: Bool, _ report: inout StoreReport) throws(Errno) {
        let folder = path.appending("blobs/\(algorithm.rawValue)")
        let directory = try OwnedDescriptor.open(folder.string, flags: O_RDONLY | O_DIRECTORY)
        var names: [String] = []
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        for name in names.sorted() {
            guard let digest = try? Digest("\(algorithm.rawValue):\(name)"), let isSound = try verify(digest, &report) else {
                report.problems.append(.foreignFile("blobs/\(algorithm.rawValue)/\(name)"))
                if repair { try removeForeign(folder.appending(name)) }
                continue
            }
            if isSound { continue }
            report.problems.append(.damagedBlob(digest))
            if repair { try moveToTrash(digest) }
        }
        if repair { try emptyTrash() }
    }

    private func removeForeign(_ file: FilePath) throws(Errno) {
        if ck_unlinkat(AT_FDCWD, file.string, 0) == -Int(EISDIR) { try TreeRemoval.remove(file.string) }
    }

    /// - Returns: nil for something that is no regular file.
    private func verify(_ digest: Digest, _ report: inout StoreReport) throws(Errno) -> Bool? {
        let file: OwnedDescriptor
        do throws(Errno) {
            file = try OwnedDescriptor.open(path(of: digest).string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        } catch {
            // Collected meanwhile.
            if error == .noSuchFileOrDirectory { return true }
            if error.rawValue == ELOOP || error.rawValue == ENXIO { return nil }
            throw error
        }
        var status = stat()
        try check(ck_fstat(file.rawValue, &status))
        guard status.st_mode & 0o170000 == 0o100000 else { return nil }
        var hash = BlobHash(digest.algorithm)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let descriptor = file.rawValue
            let count: Int
            do throws(Errno) { count = try retrying { ck_read(descriptor, &buffer, buffer.count) } } catch {
                // A bad block of the disk.
                if error == .ioError { return false }
                throw error
            }
            if count == 0 { break }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            report.bytes = .bytes(report.bytes.rawValue + Int64(count))
        }
        report.blobs += 1
        return hash.digest == digest
    }

    private func verifyLeftovers(_ repair: Bool, _ report: inout StoreReport) throws(Errno) {
        let markers = try OwnedDescriptor.open(path.appending("unsynced").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: markers) { (name, _) throws(Errno) in
            let text = String(decoding: name, as: UTF8.self)
            // A marker whose blob has gone, or that was not finished: both are made and removed under the lock.
            if hasBlob(named: text) { return }
            report.problems.append(.leftover("unsynced/\(text)"))
            if repair { _ = ck_unlinkat(markers.rawValue, text, 0) }
        }
        let directory = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            let text = String(decoding: name, as: UTF8.self)
            guard text.hasPrefix(".") else { return }
            report.problems.append(.leftover(text))
            if repair { _ = ck_unlinkat(directory.rawValue, text, 0) }
        }
    }

    /// The first thing below a descriptor that is not there, or makes no sense.
    private func missingBlob(of descriptor: Descriptor, depth: Int) -> Digest? {
        guard contains(descriptor.digest, isLocked: true), depth <= ManifestDocument.deepestIndex,
            let bytes = try? document(descriptor.digest),
            let document = try? ManifestDocument(bytes, type: descriptor.mediaType, .blob(descriptor.digest), allowsArtifacts: true)
        else { return descriptor.digest }
        switch document {
        case .manifest(let manifest):
            return ([manifest.config] + manifest.layers).first { !isThere($0.digest, isLocked: true) }?.digest
        case .index(let index):
            // Other platforms are not pulled; one at least is.
            let present = index.manifests.filter { contains($0.digest, isLocked: true) }
            if present.isEmpty { return index.manifests.first?.digest }
            for entry in present { if let missing = missingBlob(of: entry, depth: depth + 1) { return missing } }
            return nil
        }
    }
}
