public import OCIModel
public import SystemPackage

/// How the trees of snapshots come to be.
public enum SnapshotMethod: Sendable, Hashable {
    /// overlayfs over the layers: nothing is copied until it is written to.
    case overlay
    /// A copy of all that the layers show, sharing blocks where the file system can (FICLONE, on xfs and btrfs).
    case copy
}

/// A tree over finished layers, to be a container's root.
public struct Snapshot: Sendable, Hashable {
    /// What to mount, or to use as it is.
    public enum Root: Sendable, Hashable {
        /// For overlayfs, the topmost layer first. Without `upper` and `work` it is read-only.
        case overlay(lower: [FilePath], upper: FilePath?, work: FilePath?)
        /// A directory that holds all of it.
        case directory(FilePath)
    }

    /// Its name in the store; nil for a view that takes no place there.
    public var name: String?
    public var root: Root
    /// The layers that it was made over, topmost first.
    public var lower: [FilePath]
    /// Nothing is to be written there.
    public var isReadOnly: Bool

    /// Where changes lie: the upper directory, or the whole copy.
    var changes: FilePath? {
        switch root {
        case .overlay(_, let upper, _): upper
        case .directory(let path): isReadOnly ? nil : path
        }
    }
}

/// What a tree takes of its file system.
public struct DiskUsage: Sendable, Hashable {
    /// Blocks in use, each file counted once however many names it has. Blocks that are shared by reflinks count in full.
    public var bytes = ByteCount.bytes(0)
    /// Files, directories, links: inodes.
    public var inodes = 0

    /// Nothing.
    public init() {}
}
