internal import BundleKit
public import ImageKit
internal import OCIModel
internal import SystemPackage

extension Container {
    /// Makes an image of this container: the layers of its own image, and what it has changed as one more.
    ///
    /// What lies on volumes and other mounts is not part of it. While the container runs, it is paused meanwhile.
    /// - Parameters:
    ///   - name: of the new image, which loses its older meaning.
    ///   - configure: changes what the image says of itself; it begins as the container's image.
    /// - Returns: the image, the same for the same changes. It is unpacked when a container of it is made.
    /// - Throws: `.configurationRefused` for a container whose root is a directory of the host, or that another program made and did not
    ///   share; `.imageUnavailable` when the blobs of its image are gone.
    public func commit(
        as name: String, configure: (inout ImageBuilder) -> Void = { _ in }
    ) async throws(ContainerError) -> Image {
        try engine.expectOpen()
        let reference = try engine.store.reference(name)
        guard let record, record.hasUpper, let manifest = record.manifest.flatMap({ try? Digest($0) }) else {
            throw ContainerError(
                .configurationRefused, .container(id), "there is no image below what it changed",
                advice: "Only containers of images that this program made, or that are shared, become images.")
        }
        let content = engine.store.content
        let image = image
        let base = try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) { return try content.image(manifest: manifest, as: reference) } catch {
                throw ContainerError(error, image: image)
            }
        }
        guard let base else {
            throw ContainerError(
                .imageUnavailable, .image(image), "its blobs are not in the store any more", advice: "Pull it again, by the same digest.")
        }
        var builder = ImageBuilder(base: base)
        configure(&builder)
        let upper = engine.directories.containers.appending(id.description).appending("upper")
        builder.layer(archive: { sink throws(ImageError) in try Self.writeChanges(in: upper, to: sink) })
        let isPaused = try await pauseIfRunning()
        let result: Result<Image, ImageError>
        do throws(ImageError) { result = .success(try await builder.build(in: content, as: reference)) } catch { result = .failure(error) }
        var failure: ContainerError?
        if isPaused {
            do throws(ContainerError) {
                try await uncancelled { () throws(ContainerError) in try await self.resume() }
            } catch { if error.code != .notRunning { failure = error } }
        }
        engine.store.forget(reference)
        switch result {
        case .success(let image):
            if let failure { throw failure }
            return image
        case .failure(let error):
            var error = ContainerError(error, image: name)
            if let failure { error.suppressed.append(failure) }
            throw error
        }
    }

    /// What lies in an upper directory as a layer's archive. Blocks.
    private static func writeChanges(
        in upper: FilePath, to sink: ([UInt8]) throws(ImageError) -> Void
    ) throws(ImageError) {
        do throws(BundleError) {
            // The same changes are the same layer, whenever the container was made.
            try LayerDiff(.upper, of: upper, skipsFreshRoot: true).write { bytes throws(BundleError) in
                do throws(ImageError) { try sink(bytes) } catch {
                    throw BundleError(.storage, .path(upper), cause: error, "The new layer cannot be stored.")
                }
            }
        } catch {
            if let cause = error.cause as? ImageError { throw cause }
            throw ImageError(
                error.code == .unfitTree ? .unsupported : .storeUnusable, .path(upper), "what the container changed is no layer",
                cause: error)
        }
    }

    /// - Returns: false for one that does not run, or is paused already.
    private func pauseIfRunning() async throws(ContainerError) -> Bool {
        if exit != nil { return false }
        do throws(ContainerError) {
            try await pause()
            return true
        } catch {
            if error.code == .notRunning { return false }
            throw error
        }
    }
}
