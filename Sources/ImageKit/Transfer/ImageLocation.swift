public import OCIModel
public import SystemPackage

/// Where an image is, or is to be.
public enum ImageLocation: Sendable {
    /// In a registry.
    case registry(Reference)
    /// In a store on disk.
    case store(ContentStore, Reference)
    /// In a directory that is an OCI image layout; the tag is the entry's `org.opencontainers.image.ref.name`, nil where there is one.
    case layout(FilePath, tag: String?)
    /// In a tar archive: read are those of `docker save`, `podman save`, `skopeo` and an OCI image layout as tar; written is one file that
    /// is all of these. The name is the image's in there, nil where there is one.
    case archive(FilePath, name: String?)

    var subject: ImageError.Subject {
        switch self {
        case .registry(let reference), .store(_, let reference): .reference(reference)
        case .layout(let path, _), .archive(let path, _): .path(path)
        }
    }
}

/// Which platforms of an index are transferred.
public enum PlatformSelection: Sendable, Hashable {
    /// Everything that the index lists.
    case all
    /// All where the source has all, else the one of this machine: what a store that pulled one platform of many can give.
    case available
    /// Only this one; its manifest is transferred without the index.
    case one(Platform)
}
