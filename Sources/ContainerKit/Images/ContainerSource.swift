internal import BundleKit
public import OCIModel
public import SystemPackage

/// What a container's root file system is made of: an image by its name (a `String` or a `Reference`), an image that was pulled, or a
/// directory.
public protocol ImageSource: Sendable {
    /// The source as a value.
    var containerSource: ContainerSource { get }
}

/// A source of a container's root file system.
public struct ContainerSource: ImageSource, Hashable {
    enum Kind: Hashable {
        case name(String)
        case reference(Reference)
        case image(Image)
        case directory(FilePath)
    }
    let kind: Kind

    /// Itself.
    public var containerSource: ContainerSource { self }
}

extension String: ImageSource {
    /// The image of this name, as Docker reads it: `alpine` is `docker.io/library/alpine:latest`. Pulled when it is not there.
    public var containerSource: ContainerSource { ContainerSource(kind: .name(self)) }
}

extension Reference: ImageSource {
    /// The image of this name, pulled when it is not there.
    public var containerSource: ContainerSource { ContainerSource(kind: .reference(self)) }
}

extension ImageSource where Self == ContainerSource {
    /// A directory that holds a root file system, used as it is: what the container writes stays there.
    public static func directory(_ path: FilePath) -> ContainerSource { ContainerSource(kind: .directory(path)) }
}

/// A root file system that is ready to be mounted.
struct PreparedImage: Sendable {
    /// For messages and lists.
    var name: String
    var defaults: ImageDefaults
    /// Topmost first.
    var lowerDirectories: [FilePath]
    /// Their names in the store.
    var keys: [LayerKey]
    /// Digest of the image's manifest, where it is one.
    var manifest: Digest?
    /// Whether the directories never change.
    var isImmutable: Bool
}
