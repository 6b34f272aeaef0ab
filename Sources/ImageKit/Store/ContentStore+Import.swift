internal import NIOCore
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
    ///   - progress: told of what happens; it ends with the import.
    /// - Returns: the image for `platform`.
    /// - Throws: `.notFound` without such an entry, and as a pull does.
    public func importLayout(
        _ layout: FilePath, tag: String? = nil, as reference: Reference, platform: Platform = .current, progress: TransferEvents? = nil
    ) throws(ImageError) -> Image {
        defer { progress?.finish() }
        return try importLayout(layout, tag: tag, as: reference, platform: platform, note: progress.note)
    }

    /// As `importLayout(_:tag:as:platform:progress:)`.
    package func importLayout(
        _ layout: FilePath, tag: String?, as reference: Reference, platform: Platform, note: @Sendable (TransferProgress) -> Void
    ) throws(ImageError) -> Image {
        let subject = ImageError.Subject.path(layout)
        let files = try DirectoryFiles(layout)
        try files.checkLayout()
        let root = try files.entry(tag)
        let lease = try lease()
        defer { lease.end() }
        var next = root
        for _ in 0...ManifestDocument.deepestIndex {
            let bytes = try copy(next, from: files, lease)
            switch try ManifestDocument(bytes, type: next.mediaType, subject) {
            case .index(let index): next = try Self.choose(index, platform, reference)
            case .manifest(let manifest):
                let blobs = [manifest.config] + manifest.layers
                note(.started(root.digest, blobs: blobs))
                for blob in blobs { note(.blob(blob.digest, .waiting)) }
                for blob in blobs { try copyBlob(blob, from: files, lease) { note(.blob(blob.digest, $0)) } }
                let configuration = try configuration(of: manifest, for: next.digest == root.digest ? platform : nil, reference)
                try sync([root.digest, next.digest, manifest.config.digest] + manifest.layers.map(\.digest))
                try setName(reference, to: root)
                note(.done(root.digest))
                return Image(
                    reference: reference, digest: root.digest, manifestDigest: next.digest, manifest: manifest,
                    configuration: configuration)
            }
        }
        throw ImageError(.malformedDocument, subject, "indexes lead to indexes more than \(ManifestDocument.deepestIndex) deep")
    }

    /// A document of the layout, copied.
    private func copy(_ descriptor: Descriptor, from files: DirectoryFiles, _ lease: ContentLease) throws(ImageError) -> [UInt8] {
        guard descriptor.size <= ManifestDocument.limit else {
            throw ImageError(.oversizedBody, .blob(descriptor.digest), "the document is larger than \(ManifestDocument.limit) bytes")
        }
        try copyBlob(descriptor, from: files, lease) { _ in }
        return try document(descriptor.digest)
    }

    private func copyBlob(
        _ descriptor: Descriptor, from files: DirectoryFiles, _ lease: ContentLease, _ note: (TransferProgress.BlobState) -> Void
    ) throws(ImageError) {
        if try claim(descriptor.digest, for: lease) { return note(.alreadyPresent) }
        let subject = ImageError.Subject.blob(descriptor.digest)
        let found: FileRegion?
        do throws(ImageError) { found = try files.open(DirectoryFiles.path(of: descriptor.digest)) } catch {
            var error = error
            error.subject = subject
            throw error
        }
        guard let region = found else {
            throw ImageError(.notFound, subject, "the layout \(files.path) does not have it")
        }
        let ingest = try BlobIngest(descriptor, into: self)
        var offset: Int64 = 0
        while offset < region.size {
            let buffer: ByteBuffer
            do throws(Errno) { buffer = try region.read(at: offset, 1 << 20) } catch {
                throw ImageErrorAdvice.error(error, subject, "it cannot be read from the layout \(files.path)")
            }
            try ingest.write([buffer])
            offset += Int64(buffer.readableBytes)
            note(.moved(offset, of: descriptor.size))
        }
        try ingest.finish()
        note(.done)
    }
}
