internal import CLinux
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import Synchronization
internal import SystemPackage

/// A tar archive that is an OCI image layout and what `docker load` reads at once: blobs, then `index.json` and `manifest.json`.
///
/// Written to a file beside it that is renamed in the end, or straight into a pipe or terminal. The same images give the same bytes.
final class ArchiveImageDestination: ImageDestinationWriter {
    private let path: FilePath
    private let new: FilePath?
    private let file: SharedDescriptor
    private let state = Mutex(State())
    let width = 1

    private struct State {
        var offset: Int64 = 0
        /// What is in the archive.
        var written: Set<Digest> = []
        var documents: [Digest: [UInt8]] = [:]
        var index: [Descriptor] = []
        var docker: [DockerArchiveSource.Entry] = []
        var isOver = false
    }

    /// Blocks.
    init(_ path: FilePath) throws(ImageError) {
        self.path = path
        do throws(Errno) {
            var status = stat()
            let isOther = ck_fstatat(AT_FDCWD, path.string, &status, 0) == 0 && status.st_mode & UInt32(S_IFMT) != UInt32(S_IFREG)
            new = isOther ? nil : FilePath("\(path).\(UInt64.random(in: 0 ... .max))")
            let flags = isOther ? O_WRONLY : O_RDWR | O_CREAT | O_EXCL
            file = SharedDescriptor(try OwnedDescriptor.open((new ?? path).string, flags: flags, mode: 0o644))
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the archive cannot be written") }
        for name in ["blobs/", "blobs/sha256/"] {
            try write(TarWriter.header(.init(name: Array(name.utf8), mode: 0o755, type: UInt8(ascii: "5"))))
        }
    }

    deinit { if let new, !state.withLock({ $0.isOver }) { _ = ck_unlinkat(AT_FDCWD, new.string, 0) } }

    func put(
        _ descriptor: Descriptor, from source: any ImageSourceReader, progress: @escaping @Sendable (TransferProgress.BlobState) -> Void
    ) async throws {
        guard state.withLock({ $0.written.insert(descriptor.digest).inserted }) else { return progress(.alreadyPresent) }
        // From a file, so that what is in the archive never has to be taken back.
        var region = try await source.region(descriptor)
        if region == nil { region = try await ScratchBlob.fetch(descriptor, from: source) }
        guard let region else { return }
        let name = DirectoryFiles.path(of: descriptor.digest)
        try await BlockingWork.run {
            try self.write(TarWriter.header(.init(name: Array(name.utf8), size: descriptor.size)))
            var bytes = VerifiedBytes(descriptor)
            while bytes.size < region.size {
                let buffer: ByteBuffer
                do throws(Errno) { buffer = try region.read(at: bytes.size, 1 << 20) } catch {
                    throw ImageErrorAdvice.error(error, .blob(descriptor.digest), "it cannot be read")
                }
                try bytes.note(buffer)
                try self.write(Array(buffer.readableBytesView))
                progress(.moved(bytes.size, of: descriptor.size))
            }
            try bytes.finish()
            try self.write(TarWriter.padding(descriptor.size))
        }
        progress(.done)
    }

    func put(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        state.withLock { $0.documents[descriptor.digest] = bytes }
        guard state.withLock({ $0.written.insert(descriptor.digest).inserted }) else { return }
        try await BlockingWork.run { try self.file(DirectoryFiles.path(of: descriptor.digest), bytes) }
    }

    func finish(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        try await finish(bytes, descriptor, names: [])
        try await close()
    }

    /// Ends one image; others may follow.
    func finish(_ bytes: [UInt8], _ descriptor: Descriptor, names: [Reference]) async throws {
        try await put(bytes, descriptor)
        try state.withLock { state in
            for name in names {
                var entry = descriptor
                entry.annotations = [LayoutNames.image: name.description]
                entry.annotations?[LayoutNames.tag] = name.tag
                state.index.append(entry)
            }
            if names.isEmpty { state.index.append(descriptor) }
            // docker load of old knows one platform an image: this machine's, or the first.
            guard let manifest = try Self.manifest(bytes, descriptor, state.documents) else { return }
            let layers = manifest.layers.map { DirectoryFiles.path(of: $0.digest) }
            let config = DirectoryFiles.path(of: manifest.config.digest)
            let tags = names.filter { $0.tag != nil }.map(Self.repoTag)
            if let known = state.docker.firstIndex(where: { $0.config == config && $0.layers == layers }) {
                state.docker[known].tags = (state.docker[known].tags ?? []) + tags
            } else {
                state.docker.append(.init(config: config, tags: tags, layers: layers))
            }
        }
    }

    /// `alpine:latest`: short, but with its tag.
    private static func repoTag(_ name: Reference) -> String {
        let familiar = name.familiar
        return name.tag == "latest" && name.digest == nil ? familiar + ":latest" : familiar
    }

    private static func manifest(_ bytes: [UInt8], _ descriptor: Descriptor, _ documents: [Digest: [UInt8]]) throws(ImageError)
        -> ImageManifest?
    {
        switch try ManifestDocument(bytes, type: descriptor.mediaType, .blob(descriptor.digest), allowsArtifacts: true) {
        case .manifest(let manifest): return manifest
        case .index(let index):
            let chosen = index.manifest(for: .current) ?? index.manifests.first { documents[$0.digest] != nil }
            guard let chosen, let inner = documents[chosen.digest] else { return nil }
            return try manifest(inner, chosen, documents)
        }
    }

    /// Writes the lists of images and gives the archive its name.
    func close() async throws {
        try await BlockingWork.run {
            let (index, docker) = self.state.withLock { ($0.index, $0.docker) }
            try self.file("index.json", Array(Document.encode(ImageIndex(manifests: index), .path(self.path)).utf8))
            if !docker.isEmpty { try self.file("manifest.json", Array(Document.encode(docker, .path(self.path)).utf8)) }
            try self.file("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
            try self.write(TarWriter.end)
            if let new = self.new {
                do throws(Errno) { try check(ck_renameat2(AT_FDCWD, new.string, AT_FDCWD, self.path.string, 0)) } catch {
                    throw ImageErrorAdvice.error(error, .path(self.path), "the archive cannot be written")
                }
            }
            self.state.withLock { $0.isOver = true }
        }
    }

    private func file(_ name: String, _ bytes: [UInt8]) throws(ImageError) {
        let header = TarWriter.header(.init(name: Array(name.utf8), size: Int64(bytes.count)))
        try write(header + bytes + TarWriter.padding(Int64(bytes.count)))
    }

    private func write(_ bytes: [UInt8]) throws(ImageError) {
        do throws(Errno) {
            var failure: Errno?
            bytes.withUnsafeBytes { bytes in
                do throws(Errno) { try file.withDescriptor { file throws(Errno) in try file.writeAll(bytes) } } catch { failure = error }
            }
            if let failure { throw failure }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the archive cannot be written") }
    }
}
