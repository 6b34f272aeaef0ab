internal import CLinux
internal import LinuxSystem
public import OCIModel
public import SystemPackage

extension ContentStore {
    /// Copies an image from an OCI image layout on disk, every byte verified.
    ///
    /// - Parameters:
    ///   - layout: a directory with `oci-layout`, `index.json` and `blobs`.
    ///   - tag: the entry whose `org.opencontainers.image.ref.name` this is; nil where there is only one.
    ///   - reference: its name in this store.
    ///   - platform: the platform to take from an index; this machine's by default.
    /// - Returns: the image for `platform`.
    /// - Throws: `.notFound` without such an entry, and as a pull does.
    public func importLayout(
        _ layout: FilePath, tag: String? = nil, as reference: Reference, platform: Platform = .current
    ) throws(ImageError) -> Image {
        let subject = ImageError.Subject.path(layout)
        let bytes: [UInt8]?
        do throws(Errno) { bytes = try Self.contents(of: layout.appending("index.json")) } catch {
            throw ImageErrorAdvice.error(error, subject, "its index.json cannot be read")
        }
        guard let bytes else { throw ImageError(.notFound, subject, "it is no OCI image layout: there is no index.json") }
        let index = try Document.decode(ImageIndex.self, bytes, subject)
        let entries = index.manifests.filter { tag == nil || $0.annotations?["org.opencontainers.image.ref.name"] == tag }
        guard let entry = entries.first, entries.count == 1 else {
            throw ImageError(
                entries.isEmpty ? .notFound : .ambiguousManifest, subject,
                "it has \(entries.count) images \(tag.map { "tagged \($0)" } ?? "and no tag was given")")
        }
        var root = entry
        root.annotations = nil
        var next = root
        for _ in 0...ManifestDocument.deepestIndex {
            let bytes = try copy(next, from: layout)
            switch try ManifestDocument(bytes, type: next.mediaType, subject) {
            case .index(let index): next = try Self.choose(index, platform, reference)
            case .manifest(let manifest):
                for blob in [manifest.config] + manifest.layers { try copyBlob(blob, from: layout) }
                let configuration = try configuration(of: manifest, for: next.digest == root.digest ? platform : nil, reference)
                try sync([root.digest, next.digest, manifest.config.digest] + manifest.layers.map(\.digest))
                try setName(reference, to: root)
                return Image(
                    reference: reference, digest: root.digest, manifestDigest: next.digest, manifest: manifest,
                    configuration: configuration)
            }
        }
        throw ImageError(.malformedDocument, subject, "indexes lead to indexes more than \(ManifestDocument.deepestIndex) deep")
    }

    /// A document of the layout, copied.
    private func copy(_ descriptor: Descriptor, from layout: FilePath) throws(ImageError) -> [UInt8] {
        guard descriptor.size <= ManifestDocument.limit else {
            throw ImageError(.oversizedBody, .blob(descriptor.digest), "the document is larger than \(ManifestDocument.limit) bytes")
        }
        try copyBlob(descriptor, from: layout)
        return try document(descriptor.digest)
    }

    private func copyBlob(_ descriptor: Descriptor, from layout: FilePath) throws(ImageError) {
        if try claim(descriptor.digest) { return }
        let subject = ImageError.Subject.blob(descriptor.digest)
        let path = layout.appending("blobs/\(descriptor.digest.algorithm.rawValue)/\(descriptor.digest.hex)")
        let ingest = try BlobIngest(descriptor, into: self)
        let file = try open(path, subject, layout)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count: Int
            do throws(Errno) { count = try retrying { ck_read(file.rawValue, &buffer, buffer.count) } } catch {
                throw ImageErrorAdvice.error(error, subject, "it cannot be read from the layout \(layout)")
            }
            if count == 0 { break }
            var failure: ImageError?
            buffer.withUnsafeBytes { bytes in
                do throws(ImageError) { try ingest.write(UnsafeRawBufferPointer(rebasing: bytes[..<count])) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        try ingest.finish()
    }

    private func open(_ path: FilePath, _ subject: ImageError.Subject, _ layout: FilePath) throws(ImageError) -> OwnedDescriptor {
        do throws(Errno) {
            // A symbolic link in a layout could lead anywhere.
            return try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW)
        } catch { throw ImageErrorAdvice.error(error, subject, "the layout \(layout) does not have it") }
    }
}
