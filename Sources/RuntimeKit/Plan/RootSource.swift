public import SystemPackage

/// Where a container's root file system comes from. Paths are the host's, absolute.
public enum RootSource: Sendable, Hashable {
    /// A directory, used as it is.
    case directory(FilePath)
    /// Layers, the topmost first; changes go to `upper` with the help of `work`, an empty directory on the same file system.
    /// Without an upper directory it is read-only. See: kernel's overlayfs.rst.
    case overlay(lower: [FilePath], upper: FilePath?, work: FilePath?)
}
