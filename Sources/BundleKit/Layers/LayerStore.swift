internal import Glibc
internal import LinuxSystem
internal import Synchronization
public import SystemPackage

/// When finished layers are flushed to the disk.
public enum LayerDurability: Sendable, Hashable {
    /// One flush of the file system at the end of an image.
    case perImage
    /// Never; after a reboot such layers are thrown away and unpacked again.
    case none
}

/// The finished layers below a root directory, in overlay form, and the staging directories of those that are not finished.
///
/// `sha256/<hex>` is immutable once it is there; `ingest/<random>` belongs to whoever holds its flock(2); `unsynced/<hex>` carries the boot
/// id under which a layer was finished and not flushed. Several programs may use one store.
public final class LayerStore: Sendable {
    /// The store's directory, mode 0700.
    public let directory: FilePath
    public let durability: LayerDurability
    let finished: SharedDescriptor
    private let ingest: SharedDescriptor
    private let unsynced: SharedDescriptor
    let lock = KeyedLock()
    private static let formatVersion = 1

    private init(
        directory: FilePath, durability: LayerDurability, finished: SharedDescriptor, ingest: SharedDescriptor, unsynced: SharedDescriptor
    ) {
        self.directory = directory
        self.durability = durability
        self.finished = finished
        self.ingest = ingest
        self.unsynced = unsynced
    }

    /// Opens the store in `directory`, which is made when it is missing; removes what dead programs left in staging, and layers that an
    /// unclean shutdown may have damaged.
    ///
    /// - Throws: `.storage`, `.newerFormat`.
    public static func open(
        at directory: FilePath, durability: LayerDurability = .perImage
    ) async throws(BundleError) -> LayerStore {
        try await BlockingWork.run { () throws(BundleError) in try openBlocking(directory, durability) }
    }

    private static func openBlocking(_ directory: FilePath, _ durability: LayerDurability) throws(BundleError) -> LayerStore {
        do throws(Errno) {
            try makeDirectories(directory)
            let root = try OwnedDescriptor.open(directory.string, flags: O_DIRECTORY)
            try checkVersion(root)
            var opened: [SharedDescriptor] = []
            for name in ["sha256", "ingest", "unsynced"] {
                let result = mkdirat(root.rawValue, name, 0o700)
                if result < 0 && errno != EEXIST { throw Errno(rawValue: errno) }
                opened.append(
                    SharedDescriptor(try OwnedDescriptor.open(name, at: root, flags: O_DIRECTORY | O_NOFOLLOW, resolve: .beneath)))
            }
            let store = LayerStore(
                directory: directory, durability: durability, finished: opened[0], ingest: opened[1], unsynced: opened[2])
            try store.removeStaleStaging()
            try store.dropUnsafeLayers()
            return store
        } catch .notSupported {
            throw BundleError(
                .newerFormat, .path(directory), "It was written by a newer version of this package: update, or use another root.")
        } catch {
            throw .storage(error, directory)
        }
    }

    static func makeDirectories(_ path: FilePath) throws(Errno) {
        if mkdir(path.string, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path != path.removingLastComponent() else { throw Errno(rawValue: errno) }
        try makeDirectories(path.removingLastComponent())
        if mkdir(path.string, 0o700) < 0 && errno != EEXIST { throw Errno(rawValue: errno) }
    }

    /// A format above ours is `Errno.notSupported`.
    private static func checkVersion(_ root: borrowing OwnedDescriptor) throws(Errno) {
        do throws(Errno) {
            let file = try OwnedDescriptor.open("version", at: root, flags: O_RDONLY | O_NOFOLLOW, resolve: .beneath)
            let text = String(decoding: try file.readAll(limit: 64), as: UTF8.self)
            // Empty: a writer died before the number.
            if let version = Int(text.prefix { $0 != "\n" }), version > formatVersion { throw .notSupported }
        } catch .noSuchFileOrDirectory {
            let file = try OwnedDescriptor.open(
                "version", at: root, flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600, resolve: .beneath)
            try file.write("\(formatVersion)\n")
        }
    }

    private static func open(
        _ name: String, in directory: SharedDescriptor, flags: CInt, mode: UInt32 = 0
    ) throws(Errno) -> OwnedDescriptor {
        let parent = try directory.duplicate()
        return try OwnedDescriptor.open(name, at: parent, flags: flags | O_NOFOLLOW, mode: mode, resolve: .beneath)
    }

    // MARK: finished layers

    /// Where a finished layer lies.
    public func path(of key: LayerKey) -> FilePath { directory.appending("sha256").appending(key.hex) }

    /// Whether the layer is there.
    public func contains(_ key: LayerKey) -> Bool { faccessat(finished.rawValue, key.hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0 }

    /// All finished layers.
    public func keys() async throws(BundleError) -> Set<LayerKey> {
        try await BlockingWork.run { () throws(BundleError) in Set(try self.names(in: self.finished).compactMap(LayerKey.init(hex:))) }
    }

    /// Removes finished layers that are not in `kept`. The caller holds the lock that keeps other programs from starting containers.
    /// - Returns: what was removed.
    @discardableResult
    public func remove(keeping kept: Set<LayerKey>) async throws(BundleError) -> Set<LayerKey> {
        try await BlockingWork.run { () throws(BundleError) in
            var removed: Set<LayerKey> = []
            for key in try self.names(in: self.finished).compactMap(LayerKey.init(hex:)) where !kept.contains(key) {
                do throws(Errno) { try self.throwAway(key) } catch { throw .storage(error, self.path(of: key)) }
                removed.insert(key)
            }
            return removed
        }
    }

    /// Moves a layer out of sight at once, then deletes it.
    private func throwAway(_ key: LayerKey) throws(Errno) {
        let staging = try stage()
        try DirectoryCalls.rename(key.hex, in: finished, to: "victim", in: staging.directory, replacing: false)
        unlinkat(unsynced.rawValue, key.hex, 0)
        try discard(staging)
    }

    private func names(in directory: SharedDescriptor) throws(BundleError) -> [String] {
        do throws(Errno) { return try Self.listing(directory.rawValue) } catch { throw .storage(error, self.directory) }
    }

    // MARK: staging

    /// A directory in which one layer grows. Its lock ends with the process, however that ends.
    final class Staging: Sendable {
        let name: String
        let directory: SharedDescriptor
        /// The layer itself, inside.
        let tree: SharedDescriptor

        init(name: String, directory: SharedDescriptor, tree: SharedDescriptor) {
            self.name = name
            self.directory = directory
            self.tree = tree
        }
    }

    func stage() throws(Errno) -> Staging {
        while true {
            let name = String(UInt64.random(in: 0 ... .max), radix: 16)
            guard mkdirat(ingest.rawValue, name, 0o700) == 0 else {
                if errno == EEXIST { continue }
                throw Errno(rawValue: errno)
            }
            let directory = SharedDescriptor(try Self.open(name, in: ingest, flags: O_DIRECTORY))
            guard flock(directory.rawValue, LOCK_EX | LOCK_NB) == 0 else { continue }
            // Another program that opened the store may have removed it before it was locked.
            guard mkdirat(directory.rawValue, "tree", 0o700) == 0 else {
                if errno == ENOENT { continue }
                throw Errno(rawValue: errno)
            }
            let tree = SharedDescriptor(try Self.open("tree", in: directory, flags: O_DIRECTORY))
            return Staging(name: name, directory: directory, tree: tree)
        }
    }

    /// Makes the staged tree the layer `key`. One that is there already wins: it holds the same.
    func commit(_ staging: Staging, as key: LayerKey) throws(Errno) {
        try mark(key, staging)
        do throws(Errno) {
            try DirectoryCalls.rename("tree", in: staging.directory, to: key.hex, in: finished, replacing: false)
        } catch .fileExists {}
        try discard(staging)
    }

    func discard(_ staging: Staging) throws(Errno) {
        try Self.removeTree(staging.name, at: ingest.rawValue)
    }

    /// Removes staging directories whose lock is free: their owners are dead.
    private func removeStaleStaging() throws(Errno) {
        for name in try Self.listing(ingest.rawValue) {
            // Gone already: another program cleans up too.
            guard let directory = try? Self.open(name, in: ingest, flags: O_DIRECTORY) else { continue }
            guard flock(directory.rawValue, LOCK_EX | LOCK_NB) == 0 else { continue }
            try Self.removeTree(name, at: ingest.rawValue)
        }
    }

    // MARK: durability

    private static func bootID() -> String { (try? BootID.read()) ?? "unknown" }

    /// Says that a layer is finished but not flushed. In one step: who opens the store would take an empty mark for one of an earlier boot.
    private func mark(_ key: LayerKey, _ staging: Staging) throws(Errno) {
        let file = try Self.open("mark", in: staging.directory, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.write(Self.bootID())
        try DirectoryCalls.rename("mark", in: staging.directory, to: key.hex, in: unsynced, replacing: true)
    }

    /// Flushes the file system once, when the policy says so and one of `keys` needs it, and forgets their marks. Those that a killed
    /// program finished and did not flush count too.
    /// - Parameter flushed: the device number of a file system that was flushed after these layers were finished.
    func flush(_ keys: [LayerKey], unless flushed: UInt64? = nil) throws(Errno) {
        guard durability == .perImage else { return }
        let marked = keys.filter { faccessat(unsynced.rawValue, $0.hex, F_OK, AT_SYMLINK_NOFOLLOW) == 0 }
        if marked.isEmpty { return }
        var status = stat()
        guard fstat(finished.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
        if UInt64(status.st_dev) != flushed { try DirectoryCalls.flushFileSystem(of: finished) }
        for key in marked { unlinkat(unsynced.rawValue, key.hex, 0) }
        // Else a mark could come back with a power failure, and cost a layer that is whole.
        try DirectoryCalls.flush(unsynced)
    }

    /// A layer that was not flushed before another boot may be damaged in any way.
    private func dropUnsafeLayers() throws(Errno) {
        let boot = Self.bootID()
        for name in try Self.listing(unsynced.rawValue) {
            guard let key = LayerKey(hex: name) else { continue }
            let file = try Self.open(name, in: unsynced, flags: O_RDONLY)
            let text = String(decoding: try file.readAll(limit: 128), as: UTF8.self)
            if text == boot { continue }
            if contains(key) { try throwAway(key) } else { unlinkat(unsynced.rawValue, name, 0) }
        }
    }
}
