internal import CLinux
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import SystemPackage

/// The files of an OCI image layout, wherever they lie. Its calls block.
protocol LayoutFiles: Sendable {
    /// A regular file, by its path in the layout; nil when there is none.
    /// - Throws: `.malformedDocument` where it is a link, a pipe, a device.
    func open(_ path: String) throws(ImageError) -> FileRegion?
    var subject: ImageError.Subject { get }
}

extension LayoutFiles {
    /// A small file's bytes.
    func bytes(_ path: String, limit: Int = ManifestDocument.limit) throws(ImageError) -> [UInt8]? {
        guard let region = try open(path) else { return nil }
        guard region.size <= Int64(limit) else { throw ImageError(.oversizedBody, subject, "\(path) is larger than \(limit) bytes") }
        do throws(Errno) { return Array(try region.read(at: 0, Int(region.size)).readableBytesView) } catch {
            throw ImageErrorAdvice.error(error, subject, "\(path) cannot be read")
        }
    }

    static func path(of digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

    /// - Throws: `.notFound` when there is no layout; `.unsupported` for another version.
    func checkLayout() throws(ImageError) {
        guard let bytes = try bytes("oci-layout", limit: 1 << 16) else {
            throw ImageError(.notFound, subject, "it is no OCI image layout: there is no file oci-layout")
        }
        let version = try Document.decode(LayoutMarker.self, bytes, subject).imageLayoutVersion
        guard version == "1.0.0" else { throw ImageError(.unsupported, subject, "its image layout has version \(version), not 1.0.0") }
    }

    /// Entries of index.json.
    func index() throws(ImageError) -> ImageIndex {
        guard let bytes = try bytes("index.json", limit: 64 << 20) else {
            throw ImageError(.notFound, subject, "it is no OCI image layout: there is no index.json")
        }
        return try Document.decode(ImageIndex.self, bytes, subject)
    }

    /// The one entry of a name; of all, where no name is given.
    func entry(_ name: String?) throws(ImageError) -> Descriptor {
        let entries = try index().manifests.filter { entry in
            guard let name else { return true }
            if entry.annotations?[LayoutNames.tag] == name { return true }
            guard let full = entry.annotations?[LayoutNames.image] else { return false }
            return full == name || (try? Reference(name).description) == full
        }
        guard let entry = entries.first, Set(entries.map(\.digest)).count == 1 else {
            throw ImageError(
                entries.isEmpty ? .notFound : .ambiguousManifest, subject,
                "it has \(entries.count) images \(name.map { "tagged \($0)" } ?? "and no tag was given")")
        }
        var root = entry
        root.annotations = nil
        return root
    }
}

/// The file `oci-layout`.
private struct LayoutMarker: Decodable { var imageLayoutVersion: String }

/// Annotations that name an image in a layout.
enum LayoutNames {
    static let tag = "org.opencontainers.image.ref.name"
    static let image = "io.containerd.image.name"
}

/// A layout in a directory.
struct DirectoryFiles: LayoutFiles {
    let directory: SharedDescriptor
    let path: FilePath
    var subject: ImageError.Subject { .path(path) }

    /// - Throws: `.notFound` when there is no such directory.
    init(_ path: FilePath) throws(ImageError) {
        self.path = path
        do throws(Errno) { directory = SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)) } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory {
                throw ImageError(.notFound, .path(path), "there is no such directory", errno: error)
            }
            throw ImageErrorAdvice.error(error, .path(path), "the image layout cannot be opened")
        }
    }

    func open(_ name: String) throws(ImageError) -> FileRegion? {
        let file: SharedDescriptor
        var status = stat()
        do throws(Errno) {
            // A link in a layout could lead anywhere, and a pipe would keep its reader for ever.
            file = try directory.withDescriptor { directory throws(Errno) in
                SharedDescriptor(
                    try OwnedDescriptor.open(
                        name, at: directory, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY, resolve: [.beneath, .noSymlinks]))
            }
            try check(ck_fstat(file.rawValue, &status))
        } catch {
            if error == .noSuchFileOrDirectory { return nil }
            // ELOOP: a link; ENXIO: a socket.
            if error.rawValue == ELOOP || error.rawValue == ENXIO {
                throw ImageError(.malformedDocument, subject, "\(name) in it is no regular file", errno: error)
            }
            throw ImageErrorAdvice.error(error, subject, "\(name) cannot be opened")
        }
        guard status.st_mode & UInt32(S_IFMT) == UInt32(S_IFREG) else {
            throw ImageError(.malformedDocument, subject, "\(name) in it is no regular file")
        }
        return FileRegion(file: file, offset: 0, size: Int64(status.st_size))
    }
}
