internal import CLinux
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import Synchronization
internal import SystemPackage

/// A repository of a registry.
struct RegistryImageDestination: ImageDestinationWriter {
    let client: RegistryClient
    let reference: Reference
    /// Bytes of a piece; nil sends each blob in one request.
    var chunk: Int64?
    var width: Int { max(1, client.configuration.concurrentUploads) }

    func put(
        _ descriptor: Descriptor, from source: any ImageSourceReader, progress: @escaping @Sendable (TransferProgress.BlobState) -> Void
    ) async throws {
        if try await client.hasBlob(descriptor, in: reference) { return progress(.alreadyPresent) }
        var mount: String?
        if let origin = source.origin, origin.registry == reference.registry, origin.repository != reference.repository {
            mount = origin.repository
        }
        switch try await client.startUpload(descriptor, to: reference, from: mount) {
        case .mounted: progress(.mounted)
        case .upload(let location):
            let note: @Sendable (Int64) -> Void = { progress(.moved($0, of: descriptor.size)) }
            if let region = try await source.region(descriptor) {
                try await upload(descriptor, location, region, note)
            } else {
                // From one registry into another: over a file without a name, so that a broken upload does not begin the download anew.
                let region = try await ScratchBlob.fetch(descriptor, from: source)
                try await upload(descriptor, location, region, note)
            }
            progress(.done)
        }
    }

    private func upload(
        _ descriptor: Descriptor, _ location: String, _ region: FileRegion, _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        do {
            try await client.upload(descriptor, to: reference, at: location, chunk: chunk, open: { region }, progress: progress)
        } catch let error as ImageError where error.code == .notFound || error.isTransient {
            // An upload that the registry has forgotten, or broke off in: once more from its start.
            guard case .upload(let location) = try await client.startUpload(descriptor, to: reference, from: nil) else { return }
            try await client.upload(descriptor, to: reference, at: location, chunk: nil, open: { region }, progress: progress)
        }
    }

    func put(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        try await putManifest(bytes, descriptor, as: descriptor.digest.description)
    }

    func finish(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        if let digest = reference.digest, digest != descriptor.digest {
            throw ImageError(.digestMismatch, .reference(reference), "the image has the digest \(descriptor.digest)")
        }
        try await putManifest(bytes, descriptor, as: reference.tag ?? descriptor.digest.description)
    }

    private func putManifest(_ bytes: [UInt8], _ descriptor: Descriptor, as name: String) async throws {
        let isNoted = try await client.putManifest(bytes, descriptor, to: reference, as: name)
        let document = try ManifestDocument(bytes, type: descriptor.mediaType, .reference(reference), allowsArtifacts: true)
        guard !isNoted, let subject = document.subject else { return }
        var entry = descriptor
        entry.artifactType = document.artifactType
        entry.annotations = document.annotations
        try await client.noteReferrer(entry, of: subject.digest, in: reference)
    }
}

/// Bytes of a blob in a file without a name.
enum ScratchBlob {
    static func fetch(_ descriptor: Descriptor, from source: any ImageSourceReader) async throws -> FileRegion {
        let file = try await BlockingWork.run {
            SharedDescriptor(try OwnedDescriptor.open("/var/tmp", flags: withoutName | O_RDWR, mode: 0o600))
        }
        return try await source.write(descriptor, to: file)
    }

    /// O_TMPFILE, which the C overlay lacks.
    private static let withoutName = CInt(0o20000000) | O_DIRECTORY
}

extension ImageSourceReader {
    /// Writes a blob into an empty file.
    /// - Parameter progress: bytes so far.
    /// - Throws: what reading and writing throws; `.shortBody`, `.oversizedBody`, `.digestMismatch`: then a part of it lies in the file.
    fileprivate func write(
        _ descriptor: Descriptor, to file: SharedDescriptor, progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws -> FileRegion {
        let bytes = Mutex(VerifiedBytes(descriptor))
        try await stream(descriptor) {
            bytes.withLock { $0 = VerifiedBytes(descriptor) }
            try await BlockingWork.run { if ftruncate(file.rawValue, 0) != 0 { throw Errno.ioError } }
        } _: { buffer in
            try await BlockingWork.run {
                let offset = bytes.withLock { $0.size }
                try bytes.withLock { try $0.note(buffer) }
                try FileRegion(file: file, offset: 0, size: 0).write(buffer, at: offset)
            }
            progress(bytes.withLock { $0.size })
        }
        try bytes.withLock { try $0.finish() }
        return FileRegion(file: file, offset: 0, size: descriptor.size)
    }
}

/// A store on disk.
final class StoredImageDestination: ImageDestinationWriter {
    let store: ContentStore
    let reference: Reference
    let lease: ContentLease
    let client: RegistryClient?
    private let digests = Mutex<[Digest]>([])
    var width: Int { client?.configuration.concurrentDownloads ?? 2 }

    init(_ store: ContentStore, _ reference: Reference, _ lease: ContentLease, _ client: RegistryClient?) {
        self.store = store
        self.reference = reference
        self.lease = lease
        self.client = client
    }

    func put(
        _ descriptor: Descriptor, from source: any ImageSourceReader, progress: @escaping @Sendable (TransferProgress.BlobState) -> Void
    ) async throws {
        let (store, lease) = (store, lease)
        digests.withLock { $0.append(descriptor.digest) }
        if try await BlockingWork.run({ try store.claim(descriptor.digest, for: lease) }) { return progress(.alreadyPresent) }
        let ingest = try await BlockingWork.run { try BlobIngest(descriptor, into: store) }
        do {
            try await source.stream(descriptor) {
                try await BlockingWork.run { try ingest.restart() }
            } _: { buffer in
                try await BlockingWork.run { try ingest.write([buffer]) }
                progress(.moved(ingest.size, of: descriptor.size))
            }
            try await BlockingWork.run { try ingest.finish() }
        } catch {
            ingest.discard()
            throw error
        }
        progress(.done)
    }

    func put(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        let (store, lease) = (store, lease)
        digests.withLock { $0.append(descriptor.digest) }
        try await BlockingWork.run { try store.put(bytes, descriptor, for: lease) }
    }

    func finish(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        try await put(bytes, descriptor)
        let (store, reference, all) = (store, reference, digests.withLock { $0 })
        try await BlockingWork.run {
            try store.sync(all)
            try store.setName(reference, to: descriptor)
        }
    }
}

/// A directory that is an OCI image layout; made when it is missing.
struct LayoutImageDestination: ImageDestinationWriter {
    let path: FilePath
    let tag: String?
    var width: Int { 2 }

    /// Blocks.
    init(_ path: FilePath, tag: String?) throws(ImageError) {
        self.path = path
        self.tag = tag
        do throws(Errno) {
            for directory in [path, path.appending("blobs"), path.appending("blobs/sha256"), path.appending("blobs/sha512")] {
                let result = ck_mkdirat(AT_FDCWD, directory.string, 0o755)
                if result != -Int(EEXIST) { try check(result) }
            }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the image layout cannot be made") }
        if try DirectoryFiles(path).bytes("oci-layout", limit: 1 << 16) == nil {
            try write(Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8), to: "oci-layout")
        } else {
            try DirectoryFiles(path).checkLayout()
        }
    }

    func put(
        _ descriptor: Descriptor, from source: any ImageSourceReader, progress: @escaping @Sendable (TransferProgress.BlobState) -> Void
    ) async throws {
        let name = DirectoryFiles.path(of: descriptor.digest)
        let path = path
        if try await BlockingWork.run({ try DirectoryFiles(path).open(name)?.size == descriptor.size }) { return progress(.alreadyPresent) }
        let new = ".\(descriptor.digest.hex.prefix(12)).\(UInt32.random(in: 0 ... .max))"
        let file = try await BlockingWork.run {
            SharedDescriptor(try OwnedDescriptor.open(path.appending(new).string, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o644))
        }
        do {
            _ = try await source.write(descriptor, to: file) { progress(.moved($0, of: descriptor.size)) }
            try await BlockingWork.run {
                _ = try check(ck_renameat2(AT_FDCWD, path.appending(new).string, AT_FDCWD, path.appending(name).string, 0))
            }
        } catch {
            _ = ck_unlinkat(AT_FDCWD, path.appending(new).string, 0)
            throw (error as? Errno).map { ImageErrorAdvice.error($0, .blob(descriptor.digest), "it cannot be written") } ?? error
        }
        progress(.done)
    }

    func put(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        try await BlockingWork.run { try write(bytes, to: DirectoryFiles.path(of: descriptor.digest)) }
    }

    func finish(_ bytes: [UInt8], _ descriptor: Descriptor) async throws {
        try await put(bytes, descriptor)
        try await BlockingWork.run {
            var index = ImageIndex(manifests: [])
            if try DirectoryFiles(path).open("index.json") != nil { index = try DirectoryFiles(path).index() }
            var entry = descriptor
            if let tag { entry.annotations = [LayoutNames.tag: tag] }
            index.manifests.removeAll { $0.annotations?[LayoutNames.tag] == tag && (tag != nil || $0.digest == entry.digest) }
            index.manifests.append(entry)
            try write(Array(Document.encode(index, .path(path)).utf8), to: "index.json")
        }
    }

    /// In one step.
    private func write(_ bytes: [UInt8], to name: String) throws(ImageError) {
        let new = path.appending(".new.\(UInt64.random(in: 0 ... .max))").string
        do throws(Errno) {
            let file = SharedDescriptor(try OwnedDescriptor.open(new, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o644))
            do throws(Errno) {
                try FileRegion(file: file, offset: 0, size: 0).write(ByteBuffer(bytes: bytes), at: 0)
                try check(ck_renameat2(AT_FDCWD, new, AT_FDCWD, path.appending(name).string, 0))
            } catch {
                _ = ck_unlinkat(AT_FDCWD, new, 0)
                throw error
            }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "\(name) cannot be written") }
    }
}
