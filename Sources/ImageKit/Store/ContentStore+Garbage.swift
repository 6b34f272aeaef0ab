internal import CLinux
internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

extension ContentStore {
    /// Removes blobs that no name leads to. Pulls may run: what they need is held by their leases.
    ///
    /// - Parameters:
    ///   - age: younger blobs are kept, whoever brought them; none by default.
    ///   - kept: manifests that are kept with all they need, though no name leads to them; none by default.
    ///   - droppingPartialDownloads: whether downloads that broke off are removed too, which the next pull would go on with. Without it
    ///     only those go that are a week old.
    /// - Returns: how many blobs went, and their bytes.
    /// - Throws: `.malformedDocument` when a document that has a name makes no sense: then nothing is removed.
    @discardableResult
    public func collectGarbage(
        keepingYoungerThan age: Duration = .zero, keeping kept: Set<Digest> = [], droppingPartialDownloads: Bool = false
    ) throws(ImageError) -> (blobs: Int, bytes: ByteCount) {
        let removed = try moveGarbage(olderThan: age, keeping: kept)
        do throws(Errno) {
            try emptyTrash()
            try removeDeadIngests(olderThan: droppingPartialDownloads ? .zero : .seconds(7 * 86400))
        } catch { throw ImageErrorAdvice.error(error, .path(path), "blobs cannot be removed") }
        return (removed.blobs, .bytes(removed.bytes))
    }

    /// Into the trash: deleting a large file takes its time, and is not done under the lock.
    private func moveGarbage(olderThan age: Duration, keeping kept: Set<Digest>) throws(ImageError) -> (blobs: Int, bytes: Int64) {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        var live = try live()
        for digest in kept where contains(digest, isLocked: true) {
            // Its type is its own affair: `mark` reads the document.
            try mark(Descriptor(mediaType: MediaType(rawValue: ""), digest: digest, size: 0), &live, depth: 0)
        }
        var removed = (blobs: 0, bytes: Int64(0))
        do throws(Errno) {
            for algorithm in Digest.Algorithm.allCases {
                try forEachBlob(algorithm) { digest throws(Errno) in
                    guard !live.contains(digest), let size = try sizeIfOlder(digest, than: age) else { return }
                    try moveToTrash(digest)
                    removed = (removed.blobs + 1, removed.bytes + size)
                }
            }
            try forgetDropped(exceptIn: live)
        } catch { throw ImageErrorAdvice.error(error, .path(path), "blobs cannot be removed") }
        return removed
    }

    func moveToTrash(_ digest: Digest) throws(Errno) {
        let trash = path.appending("trash/\(UInt64.random(in: 0 ... .max))").string
        try check(ck_renameat2(AT_FDCWD, path(of: digest).string, AT_FDCWD, trash, 0))
        _ = ck_unlinkat(AT_FDCWD, markerPath(digest), 0)
    }

    /// Everything that a name or a lease leads to. Under the lock.
    func live() throws(ImageError) -> Set<Digest> {
        var live: Set<Digest> = []
        for descriptor in try index().manifests { try mark(descriptor, &live, depth: 0) }
        do throws(Errno) { live.formUnion(try ContentLease.all(in: self)) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "the leases cannot be read")
        }
        return live
    }

    func mark(_ descriptor: Descriptor, _ live: inout Set<Digest>, depth: Int) throws(ImageError) {
        guard live.insert(descriptor.digest).inserted, contains(descriptor.digest, isLocked: true), depth <= ManifestDocument.deepestIndex
        else { return }
        let document = try document(descriptor.digest)
        switch try ManifestDocument(document, type: descriptor.mediaType, .blob(descriptor.digest), allowsArtifacts: true) {
        case .manifest(let manifest):
            live.insert(manifest.config.digest)
            live.formUnion(manifest.layers.map(\.digest))
        case .index(let index):
            for entry in index.manifests where contains(entry.digest, isLocked: true) { try mark(entry, &live, depth: depth + 1) }
        }
    }

    /// - Returns: nil for one that is too young, or has gone.
    private func sizeIfOlder(_ digest: Digest, than age: Duration) throws(Errno) -> Int64? {
        var status = stat()
        let result = ck_fstatat(AT_FDCWD, path(of: digest).string, &status, AT_SYMLINK_NOFOLLOW)
        if result == -Int(ENOENT) { return nil }
        try check(result)
        return Self.isOlder(status.st_ctim, than: age) ? Int64(status.st_size) : nil
    }

    private static func isOlder(_ instant: timespec, than age: Duration) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Duration.seconds(now.tv_sec - instant.tv_sec) >= age
    }

    // MARK: files

    func forEachBlob(_ algorithm: Digest.Algorithm, _ body: (Digest) throws(Errno) -> Void) throws(Errno) {
        let directory = try OwnedDescriptor.open(path.appending("blobs/\(algorithm.rawValue)").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            if let digest = try? Digest("\(algorithm.rawValue):\(String(decoding: name, as: UTF8.self))") { try body(digest) }
        }
    }

    func emptyTrash() throws(Errno) {
        let directory = try OwnedDescriptor.open(path.appending("trash").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            _ = ck_unlinkat(directory.rawValue, String(decoding: name, as: UTF8.self), 0)
        }
    }

    /// What a program that died was about to rename: such files are made and renamed under the lock. Markers whose blob never came.
    func removeUnfinishedFiles() throws(Errno) {
        for folder in [path, path.appending("unsynced")] {
            let directory = try OwnedDescriptor.open(folder.string, flags: O_RDONLY | O_DIRECTORY)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
                let name = String(decoding: name, as: UTF8.self)
                if name.hasPrefix(".") || (folder != path && !hasBlob(named: name)) { _ = ck_unlinkat(directory.rawValue, name, 0) }
            }
        }
    }

    /// Whether there is a blob with these hexadecimal digits.
    func hasBlob(named hex: String) -> Bool {
        Digest.Algorithm.allCases.contains { algorithm in
            (try? Digest("\(algorithm.rawValue):\(hex)")).map { contains($0, isLocked: true) } ?? false
        }
    }

    /// Downloads hold a lock on their file; one whose lock can be taken has no program any more.
    /// - Parameter age: younger ones that can be resumed are kept.
    func removeDeadIngests(olderThan age: Duration) throws(Errno) {
        let directory = try OwnedDescriptor.open(path.appending("ingest").string, flags: O_RDONLY | O_DIRECTORY)
        try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
            let name = String(decoding: name, as: UTF8.self)
            guard let file = try? OwnedDescriptor.open(path.appending("ingest/\(name)").string, flags: O_RDWR | O_NOFOLLOW) else { return }
            var status = stat()
            guard ck_flock(file.rawValue, LOCK_EX | LOCK_NB) == 0, ck_fstat(file.rawValue, &status) == 0 else { return }
            let isResumable = Digest.Algorithm.allCases.contains { name.hasPrefix($0.rawValue + "-") }
            if !isResumable || status.st_size < BlobIngest.shortestKept || Self.isOlder(status.st_mtim, than: age) {
                // Between the two it may have become a blob; its name would then be gone.
                _ = ck_unlinkat(directory.rawValue, name, 0)
            }
        }
    }
}
