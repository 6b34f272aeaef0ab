internal import OCIModel
internal import SystemPackage

/// The images of a tar archive: an OCI image layout, or what `docker save` wrote before it was one too.
struct ArchiveContents {
    struct Entry: Sendable {
        var names: [Reference]
        var source: any ImageSourceReader
    }

    private let files: TarIndex
    private let isLayout: Bool

    /// Blocks.
    init(_ path: FilePath) throws(ImageError) {
        files = try TarIndex(path)
        let (marker, index) = (try files.open("oci-layout"), try files.open("index.json"))
        isLayout = marker != nil && index != nil
        if isLayout { try files.checkLayout() }
    }

    /// All of them; one that has several names is there once.
    func images() throws(ImageError) -> [Entry] {
        var entries: [Entry] = []
        if isLayout {
            var roots: [Descriptor] = []
            for descriptor in try files.index().manifests {
                var root = descriptor
                root.annotations = nil
                let name = try name(of: descriptor)
                if let known = roots.firstIndex(of: root) {
                    if let name, !entries[known].names.contains(name) { entries[known].names.append(name) }
                } else {
                    roots.append(root)
                    entries.append(Entry(names: name.map { [$0] } ?? [], source: LayoutImageSource(files: files, entry: root)))
                }
            }
            return entries
        }
        for image in try DockerArchiveSource.entries(files) {
            let source = try DockerArchiveSource(image, in: files)
            var names: [Reference] = []
            for tag in image.tags ?? [] { names.append(try ImageCopier.reference(tag, files.subject)) }
            entries.append(Entry(names: names, source: source))
        }
        return entries
    }

    /// The image's full name; a bare tag is none.
    private func name(of descriptor: Descriptor) throws(ImageError) -> Reference? {
        if let full = descriptor.annotations?[LayoutNames.image] { return try ImageCopier.reference(full, files.subject) }
        guard let tag = descriptor.annotations?[LayoutNames.tag], tag.contains("/") || tag.contains(":") else { return nil }
        return try? Reference(tag)
    }

    /// The one of a name; the only one, where no name is given.
    func image(_ name: String?) throws(ImageError) -> any ImageSourceReader {
        if isLayout { return LayoutImageSource(files: files, entry: try files.entry(name)) }
        let all = try images()
        let wanted = try name.map { name throws(ImageError) in try ImageCopier.reference(name, files.subject) }
        let found = all.filter { entry in wanted.map { entry.names.contains($0) } ?? true }
        guard let first = found.first, found.count == 1 else {
            throw ImageError(
                found.isEmpty ? .notFound : .ambiguousManifest, files.subject,
                "it has \(found.count) images \(name.map { "named \($0)" } ?? "and no name was given")")
        }
        return first.source
    }
}
