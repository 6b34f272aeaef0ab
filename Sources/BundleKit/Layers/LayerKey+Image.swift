package import OCIModel

extension LayerKey {
    /// Every name that a layer of the image may have in the store: what a garbage collection keeps for it.
    package static func candidates(of configuration: ImageConfiguration) -> Set<LayerKey> {
        let layers = configuration.rootfs.diffIDs.map {
            LayerDescription(mediaType: "", digest: $0.description, size: 0, diffID: $0.description)
        }
        guard let keys = try? LayerKeys.of(layers) else { return [] }
        return Set(keys.flatMap { [$0.shared, $0.settled] })
    }
}
