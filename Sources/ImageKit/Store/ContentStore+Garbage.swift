internal import CLinux
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

extension ContentStore {
    /// Removes blobs that no name leads to.
    ///
    /// A pull names its image last, so blobs younger than an hour are kept, whoever brought them.
    /// - Returns: how many blobs went, and their bytes.
    /// - Throws: `.malformedDocument` when a document that has a name makes no sense: then nothing is removed.
    @discardableResult
    public func collectGarbage(keepingYoungerThan age: Duration = .seconds(3600)) throws(ImageError) -> (blobs: Int, bytes: ByteCount) {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        var live: Set<Digest> = []
        for name in try names() { try mark(name.descriptor, &live, depth: 0) }
        var removed = (blobs: 0, bytes: Int64(0))
        do throws(Errno) {
            for algorithm in Digest.Algorithm.allCases {
                let directory = try OwnedDescriptor.open(
                    path.appending("blobs/\(algorithm.rawValue)").string, flags: O_RDONLY | O_DIRECTORY)
                try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
                    let text = String(decoding: name, as: UTF8.self)
                    guard let digest = try? Digest("\(algorithm.rawValue):\(text)"), !live.contains(digest) else { return }
                    guard let size = try sizeIfOlder(digest, than: age) else { return }
                    try check(ck_unlinkat(directory.rawValue, text, 0))
                    _ = ck_unlinkat(AT_FDCWD, path.appending("unsynced/\(digest.hex)").string, 0)
                    removed = (removed.blobs + 1, removed.bytes + size)
                }
            }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "blobs cannot be removed") }
        return (removed.blobs, .bytes(removed.bytes))
    }

    /// Whether the store has the blob. If so it counts as new from now on: an image that is being made of it has its name later.
    func claim(_ digest: Digest) throws(ImageError) -> Bool {
        // Not while garbage is collected, which has looked at its age already.
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        guard contains(digest) else { return false }
        // Gone or read-only, the blob is not ours to keep: then it is as if it had not been there.
        return utimensat(AT_FDCWD, path(of: digest).string, nil, AT_SYMLINK_NOFOLLOW) == 0
    }

    private func mark(_ descriptor: Descriptor, _ live: inout Set<Digest>, depth: Int) throws(ImageError) {
        guard live.insert(descriptor.digest).inserted, contains(descriptor.digest), depth <= ManifestDocument.deepestIndex else { return }
        switch try ManifestDocument(document(descriptor.digest), type: descriptor.mediaType, .blob(descriptor.digest)) {
        case .manifest(let manifest):
            live.insert(manifest.config.digest)
            live.formUnion(manifest.layers.map(\.digest))
        case .index(let index):
            // Only manifests: attestations and other artifacts in an index are not pulled.
            for entry in index.manifests where contains(entry.digest) { try mark(entry, &live, depth: depth + 1) }
        }
    }

    /// - Returns: nil for one that is too young, or has gone.
    private func sizeIfOlder(_ digest: Digest, than age: Duration) throws(Errno) -> Int64? {
        var status = stat()
        let result = ck_fstatat(AT_FDCWD, path(of: digest).string, &status, AT_SYMLINK_NOFOLLOW)
        if result == -Int(ENOENT) { return nil }
        try check(result)
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Duration.seconds(now.tv_sec - status.st_ctim.tv_sec) >= age ? Int64(status.st_size) : nil
    }
}
