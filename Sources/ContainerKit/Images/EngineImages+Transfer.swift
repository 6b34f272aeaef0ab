public import ImageKit
internal import Logging
public import OCIModel
public import SystemPackage

extension EngineImages {
    /// Gives an image one more name.
    ///
    /// - Parameters:
    ///   - name: the image's name here.
    ///   - new: its further name, which loses its older meaning.
    /// - Throws: `.notFound`.
    public func tag(_ name: String, as new: String) async throws(ContainerError) {
        try engine.expectOpen()
        let (old, reference) = (try engine.store.reference(name), try engine.store.reference(new))
        let content = engine.store.content
        try await engine.blocking { () throws(ContainerError) in
            let found: Bool
            do throws(ImageError) { found = try content.tag(old, as: reference) } catch { throw ContainerError(error, image: name) }
            if !found { throw ContainerError(.notFound, .image(name), "there is no such image", advice: "List the images of this root.") }
        }
        engine.store.forget(reference)
    }

    /// Pushes an image into a registry: only blobs that are not there.
    ///
    /// - Parameters:
    ///   - name: its name here.
    ///   - destination: its name in the registry; nil, the default, is the same.
    ///   - progress: told of what happens to each blob; it ends with the push.
    /// - Returns: what the name in the registry points at.
    /// - Throws: `.imageUnavailable` with an `ImageError` as its cause.
    @discardableResult
    public func push(
        _ name: String, to destination: String? = nil, progress: TransferEvents? = nil
    ) async throws(ContainerError) -> Descriptor {
        defer { progress?.finish() }
        try engine.expectOpen()
        let reference = try engine.store.reference(name)
        let target = try destination.map { name throws(ContainerError) in try engine.store.reference(name) }
        let client = try await engine.store.registry()
        do throws(ImageError) {
            return try await ImagePusher(client: client).push(reference, of: engine.store.content, to: target, progress: progress)
        } catch { throw ContainerError(error, image: name) }
    }

    /// Writes images into a tar archive that `docker load`, `podman load` and skopeo read, and that is an OCI image layout too.
    /// - Parameters:
    ///   - names: the images' names here.
    ///   - path: the archive, which is replaced.
    ///   - progress: told of what happens to each blob; it ends with the archive.
    public func save(_ names: [String], to path: FilePath, progress: TransferEvents? = nil) async throws(ContainerError) {
        defer { progress?.finish() }
        try engine.expectOpen()
        var references: [Reference] = []
        for name in names { references.append(try engine.store.reference(name)) }
        do throws(ImageError) {
            try await ImageCopier(client: nil).save(references, of: engine.store.content, to: path, progress: progress)
        } catch { throw ContainerError(error, image: names.first) }
    }

    /// Takes over all images of a tar archive, as `docker save`, `podman save`, skopeo and `save` write them.
    /// - Parameters:
    ///   - path: the archive.
    ///   - progress: told of what happens to each blob; it ends with the last image.
    /// - Returns: their names.
    public func load(_ path: FilePath, progress: TransferEvents? = nil) async throws(ContainerError) -> [Reference] {
        defer { progress?.finish() }
        try engine.expectOpen()
        let names: [Reference]
        do throws(ImageError) {
            names = try await ImageCopier(client: nil).load(path, into: engine.store.content, progress: progress)
        } catch {
            throw ContainerError(error, image: nil)
        }
        for name in names { engine.store.forget(name) }
        return names
    }

    /// Copies an image between registries, layouts and archives; nothing is unpacked.
    /// - Parameters:
    ///   - source: where it is.
    ///   - destination: where it is to be; what has its name there loses it.
    ///   - progress: told of what happens to each blob; it ends with the copy.
    @discardableResult
    public func copy(
        from source: ImageLocation, to destination: ImageLocation, progress: TransferEvents? = nil
    ) async throws(ContainerError) -> Descriptor {
        defer { progress?.finish() }
        try engine.expectOpen()
        let client = try await engine.store.registry()
        do throws(ImageError) { return try await ImageCopier(client: client).copy(from: source, to: destination, progress: progress) } catch
        {
            throw ContainerError(error, image: nil)
        }
    }

    /// What images take on the disk, layers aside.
    public func usage() async throws(ContainerError) -> StoreUsage {
        try engine.expectOpen()
        let content = engine.store.content
        return try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) { return try content.usage() } catch { throw ContainerError(error, image: nil) }
        }
    }

    /// Removes blobs and layers that nothing needs, and downloads that broke off.
    /// - Returns: bytes of blobs and downloads that were freed, layers aside.
    /// - Throws: `.busy` while somebody pulls.
    @discardableResult
    public func prune() async throws(ContainerError) -> ByteCount {
        try engine.expectOpen()
        let before = try await usage()
        try await collectGarbage(droppingPartialDownloads: true)
        let after = try await usage()
        return .bytes(
            max(0, before.blobs.rawValue + before.partialDownloads.rawValue - after.blobs.rawValue - after.partialDownloads.rawValue))
    }

    /// Reads every blob of the image store and tells what is wrong; layers aside.
    /// - Parameter repair: removes what is damaged, so that the next pull brings it anew. Off by default.
    public func verify(repair: Bool = false) async throws(ContainerError) -> StoreReport {
        try engine.expectOpen()
        let content = engine.store.content
        return try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) { return try content.verify(repair: repair) } catch { throw ContainerError(error, image: nil) }
        }
    }

    /// Checks credentials with a registry, and keeps them as `docker login` does: in the credential helper that Docker's configuration
    /// names, else in that file.
    ///
    /// - Parameters:
    ///   - registry: as in references: `docker.io`, `localhost:5000`.
    ///   - credentials: a name and a password, or a token.
    /// - Returns: whether a credential helper has them.
    /// - Throws: `.imageUnavailable` with an `ImageError` `.unauthorized` as its cause when the registry refuses them.
    @discardableResult
    public func login(_ registry: String, _ credentials: RegistryCredentials) async throws(ContainerError) -> Bool {
        try engine.expectOpen()
        var configuration = try await engine.store.registryConfiguration()
        configuration.credentials = .fixed([registry: credentials])
        let client: RegistryClient
        do throws(ImageError) {
            client = try RegistryClient(configuration, client: engine.configuration.httpClient, logger: engine.configuration.logger)
        } catch { throw ContainerError(error, image: nil) }
        var failure: ImageError?
        do throws(ImageError) { try await client.checkCredentials(registry) } catch { failure = error }
        do { try await client.shutdown() } catch { engine.configuration.logger.error("The registry client could not be ended: \(error)") }
        if let failure { throw ContainerError(failure, image: nil) }
        return try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) { return try CredentialFile().store(credentials, for: registry) } catch {
                throw ContainerError(error, image: nil)
            }
        }
    }

    /// Forgets the credentials of a registry.
    /// - Returns: whether there were any.
    @discardableResult
    public func logout(_ registry: String) async throws(ContainerError) -> Bool {
        try engine.expectOpen()
        return try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) { return try CredentialFile().erase(registry) } catch { throw ContainerError(error, image: nil) }
        }
    }
}
