internal import BundleChild
internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// The writable trees of containers over finished layers, one directory for each below the store's.
///
/// Whoever holds a snapshot keeps the layers it was made over. A snapshot is made in one go: what a program that died left half made has no
/// name, and goes when the store is opened the next time.
public final class SnapshotStore: Sendable {
    /// The store's directory, mode 0700.
    public let directory: FilePath
    /// How snapshots are made.
    public let method: SnapshotMethod

    private init(_ directory: FilePath, _ method: SnapshotMethod) {
        self.directory = directory
        self.method = method
    }

    /// Opens a store, which is made when it is missing.
    ///
    /// - Parameters:
    ///   - directory: where snapshots lie.
    ///   - method: nil takes overlayfs where the directory's file system can be its writable side, and copies elsewhere.
    /// - Throws: `.storage`; `.unsuitableFileSystem` where `.overlay` is asked for and cannot be.
    public static func open(at directory: FilePath, method: SnapshotMethod? = nil) async throws(BundleError) -> SnapshotStore {
        try await BlockingWork.run { () throws(BundleError) in
            do throws(Errno) {
                try LayerStore.makeDirectories(directory)
                let folder = try OwnedDescriptor.open(directory.string, flags: O_DIRECTORY)
                for name in try LayerStore.listing(folder.rawValue) where name.hasPrefix(".") {
                    // One that is being made is locked by its maker.
                    guard let half = try? OwnedDescriptor.open(name, at: folder, flags: O_DIRECTORY | O_NOFOLLOW, resolve: .beneath),
                        flock(half.rawValue, LOCK_EX | LOCK_NB) == 0
                    else { continue }
                    try TreeRemoval.remove(directory.appending(name).string)
                }
            } catch { throw .storage(error, directory) }
            switch method {
            case .copy: return SnapshotStore(directory, .copy)
            case .overlay:
                try UpperDirectory.check(directory)
                return SnapshotStore(directory, .overlay)
            case nil:
                do throws(BundleError) { try UpperDirectory.check(directory) } catch {
                    guard error.code == .unsuitableFileSystem else { throw error }
                    return SnapshotStore(directory, .copy)
                }
                return SnapshotStore(directory, .overlay)
            }
        }
    }

    /// Makes a writable snapshot.
    ///
    /// - Parameters:
    ///   - name: 1 to 128 letters, digits, `-`, `_` and `.`, not beginning with a `.`.
    ///   - layers: what it shows, the topmost first: `UnpackedImage.lowerDirectories`.
    /// - Throws: `.invalidOption` for a name that is none or is taken, `.storage`, `.cancelled`.
    public func prepare(_ name: String, over layers: [FilePath]) async throws(BundleError) -> Snapshot {
        try await make(try checked(name), layers)
        return snapshot(name, layers, readOnly: false)
    }

    /// A tree that nobody writes to. With overlayfs it takes no place; as a copy it has a name and a place like others.
    ///
    /// - Parameters:
    ///   - name: as for `prepare(_:over:)`.
    ///   - layers: what it shows, the topmost first.
    /// - Throws: as `prepare(_:over:)`.
    public func view(_ name: String, over layers: [FilePath]) async throws(BundleError) -> Snapshot {
        guard method == .copy else {
            return Snapshot(name: nil, root: .overlay(lower: layers, upper: nil, work: nil), lower: layers, isReadOnly: true)
        }
        try await make(try checked(name), layers)
        return snapshot(name, layers, readOnly: true)
    }

    /// Removes a snapshot with all that was written to it; nothing when it is not there.
    /// - Throws: `.storage`; its errno is `.resourceBusy` while it is mounted here.
    public func remove(_ name: String) async throws(BundleError) {
        let path = directory.appending(try checked(name))
        try await BlockingWork.run { () throws(BundleError) in
            do throws(Errno) { try TreeRemoval.remove(path.string) } catch { throw .storage(error, path) }
        }
    }

    /// What a snapshot itself takes: without the layers below, unless it is a copy of them.
    /// - Throws: `.storage`.
    public func usage(of snapshot: Snapshot) async throws(BundleError) -> DiskUsage {
        guard let path = snapshot.changes ?? snapshot.name.map({ directory.appending($0) }) else { return DiskUsage() }
        return try await BlockingWork.run { () throws(BundleError) in
            do throws(Errno) { return try DiskUsage(of: path) } catch { throw .storage(error, path) }
        }
    }

    // MARK: making one

    private func snapshot(_ name: String, _ layers: [FilePath], readOnly: Bool) -> Snapshot {
        let place = directory.appending(name)
        let root: Snapshot.Root =
            switch method {
            case .overlay: .overlay(lower: layers, upper: place.appending("upper"), work: place.appending("work"))
            case .copy: .directory(place.appending("tree"))
            }
        return Snapshot(name: name, root: root, lower: layers, isReadOnly: readOnly)
    }

    private func checked(_ name: String) throws(BundleError) -> String {
        let isValid =
            (1...128).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || [0x2d, 0x2e, 0x5f].contains($0)
            }
        guard isValid else {
            throw BundleError(.invalidOption, .option("snapshot"), "\(name.debugDescription) is no name of a snapshot.")
        }
        return name
    }

    private func make(_ name: String, _ layers: [FilePath]) async throws(BundleError) {
        let directory = directory
        let method = method
        let isCancelled = CancellationFlag()
        let body: @Sendable () throws(BundleError) -> Void = { () throws(BundleError) in
            try Self.make(name, in: directory, method, layers, isCancelled)
        }
        let result: Result<Void, BundleError> = await withTaskCancellationHandler {
            do throws(BundleError) { return .success(try await BlockingWork.run(body)) } catch { return .failure(error) }
        } onCancel: {
            isCancelled.set()
        }
        try result.get()
    }

    private static func make(
        _ name: String, in directory: FilePath, _ method: SnapshotMethod, _ layers: [FilePath], _ isCancelled: CancellationFlag
    ) throws(BundleError) {
        let half = "." + String(UInt64.random(in: 0 ... .max), radix: 16)
        do throws(Errno) {
            try fill(directory.appending(half), method, layers, isCancelled)
            let folder = SharedDescriptor(try OwnedDescriptor.open(directory.string, flags: O_DIRECTORY))
            try DirectoryCalls.rename(half, in: folder, to: name, in: folder, replacing: false)
        } catch {
            try? TreeRemoval.remove(directory.appending(half).string)
            switch error {
            case .canceled: throw BundleError(.cancelled, .path(directory.appending(name)), "The task was cancelled.")
            case .fileExists: throw BundleError(.invalidOption, .option("snapshot"), "There is a snapshot \(name) already.")
            default: throw BundleError.storage(error, directory.appending(name))
            }
        }
    }

    private static func fill(
        _ half: FilePath, _ method: SnapshotMethod, _ layers: [FilePath], _ isCancelled: CancellationFlag
    ) throws(Errno) {
        func make(_ path: FilePath, _ mode: mode_t) throws(Errno) {
            guard mkdir(path.string, 0o700) == 0, chmod(path.string, mode) == 0 else { throw Errno(rawValue: errno) }
        }
        try make(half, 0o700)
        let lock = try OwnedDescriptor.open(half.string, flags: O_DIRECTORY)
        guard flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0 else { throw Errno(rawValue: errno) }
        var opened: [SharedDescriptor] = []
        for layer in layers { opened.append(SharedDescriptor(try OwnedDescriptor.open(layer.string, flags: O_DIRECTORY))) }
        switch method {
        case .overlay:
            try make(half.appending("upper"), 0o755)
            try make(half.appending("work"), 0o700)
            guard let top = opened.first else { return }
            // The upper directory is what the container sees as its root.
            let upper = try OwnedDescriptor.open(half.appending("upper").string, flags: O_DIRECTORY)
            try LayerCopy.setAttributes(try Attributes(of: top.rawValue), on: upper.rawValue)
        case .copy:
            try make(half.appending("tree"), 0o755)
            let tree = SharedDescriptor(try OwnedDescriptor.open(half.appending("tree").string, flags: O_DIRECTORY))
            try LayerCopy.copy(opened, to: tree) { () throws(Errno) in if isCancelled.isSet { throw .canceled } }
        }
    }
}
