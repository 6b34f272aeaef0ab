internal import CLinux
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

/// What a store takes on its disk.
public struct StoreUsage: Sendable, Hashable {
    /// One image, by its name.
    public struct Image: Sendable, Hashable {
        public var reference: Reference
        /// All of its blobs, shared ones too.
        public var size: ByteCount
        /// Blobs that no other name needs.
        public var unique: ByteCount
    }

    public var images: [Image] = []
    /// All blobs, and how many.
    public var blobs: ByteCount = .bytes(0)
    public var blobCount = 0
    /// Blobs that no name and no pull needs: what `collectGarbage` frees.
    public var reclaimable: ByteCount = .bytes(0)
    /// Downloads that are under way or broke off.
    public var partialDownloads: ByteCount = .bytes(0)
}

extension ContentStore {
    /// What the store takes on its disk. Other programs may change it meanwhile.
    public func usage() throws(ImageError) -> StoreUsage {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        var usage = StoreUsage()
        let live = try live()
        var sizes: [Digest: Int64] = [:]
        do throws(Errno) {
            for algorithm in Digest.Algorithm.allCases {
                try forEachBlob(algorithm) { digest throws(Errno) in sizes[digest] = try size(of: path(of: digest).string) }
            }
            var partial: Int64 = 0
            let directory = try OwnedDescriptor.open(path.appending("ingest").string, flags: O_RDONLY | O_DIRECTORY)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
                partial += try size(of: path.appending("ingest/\(String(decoding: name, as: UTF8.self))").string)
            }
            usage.partialDownloads = .bytes(partial)
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the store cannot be looked through") }
        usage.blobCount = sizes.count
        usage.blobs = .bytes(sizes.values.reduce(0, +))
        usage.reclaimable = .bytes(sizes.filter { !live.contains($0.key) }.values.reduce(0, +))
        var users: [Digest: Int] = [:]
        var needs: [(Reference, Set<Digest>)] = []
        for name in try names() {
            var own: Set<Digest> = []
            try mark(name.descriptor, &own, depth: 0)
            for digest in own { users[digest, default: 0] += 1 }
            needs.append((name.reference, own))
        }
        usage.images = needs.map { reference, own in
            StoreUsage.Image(
                reference: reference, size: .bytes(own.reduce(0) { $0 + (sizes[$1] ?? 0) }),
                unique: .bytes(own.filter { users[$0] == 1 }.reduce(0) { $0 + (sizes[$1] ?? 0) }))
        }.sorted { $0.reference.description < $1.reference.description }
        return usage
    }

    private func size(of path: String) throws(Errno) -> Int64 {
        var status = stat()
        let result = ck_fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW)
        if result == -Int(ENOENT) { return 0 }
        try check(result)
        return Int64(status.st_size)
    }
}
