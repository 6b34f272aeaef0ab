internal import CLinux
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

extension ContentStore {
    private static let nameKey = "io.containerd.image.name"
    private static let tagKey = "org.opencontainers.image.ref.name"

    /// The names in the store, each with what it points at: a manifest or an index.
    /// - Throws: `.malformedDocument` when index.json makes no sense.
    public func names() throws(ImageError) -> [(reference: Reference, descriptor: Descriptor)] {
        try index().manifests.compactMap { descriptor in
            guard let name = descriptor.annotations?[Self.nameKey], let reference = try? Reference(name) else { return nil }
            return (reference, descriptor)
        }
    }

    /// What a name points at; a digest alone is looked for among everything that has a name.
    public func descriptor(for reference: Reference) throws(ImageError) -> Descriptor? {
        let named = try names()
        if let digest = reference.digest { return named.first { $0.descriptor.digest == digest }?.descriptor }
        return named.first { $0.reference == reference }?.descriptor
    }

    /// Gives a name to a manifest or index that the store has; an older meaning of the name goes.
    func setName(_ reference: Reference, to descriptor: Descriptor) throws(ImageError) {
        try updateIndex { index in
            Self.set(reference, descriptor, in: &index)
            return true
        }
    }

    private static func set(_ reference: Reference, _ descriptor: Descriptor, in index: inout ImageIndex) {
        var entry = descriptor
        var annotations = entry.annotations ?? [:]
        annotations[nameKey] = reference.description
        annotations[tagKey] = reference.tag ?? reference.digest?.description
        entry.annotations = annotations
        index.manifests.removeAll { $0.annotations?[nameKey] == reference.description }
        index.manifests.append(entry)
    }

    /// Gives what a name points at one more name, which loses its older meaning.
    /// - Returns: whether the old name was there.
    public func tag(_ old: Reference, as new: Reference) throws(ImageError) -> Bool {
        // In one step: between looking and naming, the old name could go and its blobs be collected.
        try updateIndex { index in
            guard let found = index.manifests.first(where: { $0.annotations?[Self.nameKey] == old.description }) else { return false }
            Self.set(new, found, in: &index)
            return true
        }
    }

    /// Removes a name. Its blobs go with the next `collectGarbage`.
    /// - Returns: whether the name was there.
    @discardableResult
    public func removeName(_ reference: Reference) throws(ImageError) -> Bool {
        try updateIndex { index in
            let before = index.manifests.count
            index.manifests.removeAll { $0.annotations?[Self.nameKey] == reference.description }
            return index.manifests.count != before
        }
    }

    /// Readers take no lock: the file is replaced in one step.
    func index() throws(ImageError) -> ImageIndex {
        let bytes: [UInt8]?
        do throws(Errno) { bytes = try Self.contents(of: path.appending("index.json")) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "index.json cannot be read")
        }
        guard let bytes else { return ImageIndex(manifests: []) }
        return try Document.decode(ImageIndex.self, bytes, .path(path.appending("index.json")))
    }

    /// Reads, changes and replaces index.json, alone. `change` returns whether it changed anything.
    @discardableResult
    func updateIndex(_ change: (inout ImageIndex) throws(ImageError) -> Bool) throws(ImageError) -> Bool {
        let lock = try lockIndex()
        defer { withExtendedLifetime(lock) {} }
        var index = try index()
        guard try change(&index) else { return false }
        let text = try Document.encode(index, .path(path.appending("index.json")))
        do throws(Errno) { try replace("index.json", with: text) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "index.json cannot be written")
        }
        return true
    }

    /// The lock of the store, between programs and between threads: each has an open file description of its own.
    func lockIndex() throws(ImageError) -> SharedDescriptor {
        do throws(Errno) {
            let lock = try OwnedDescriptor.open(path.appending("lock").string, flags: O_RDWR | O_CREAT, mode: 0o600)
            let descriptor = lock.rawValue
            try retrying { ck_flock(descriptor, LOCK_EX) }
            return SharedDescriptor(lock)
        } catch { throw ImageErrorAdvice.error(error, .path(path), "the store cannot be locked") }
    }
}
