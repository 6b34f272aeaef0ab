internal import BundleChild

extension LayerDescription {
    /// How the layer is compressed, by its media type.
    /// - Throws: `.unsupportedMediaType`.
    var compression: LayerCompression {
        get throws(BundleError) {
            switch mediaType {
            case "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar",
                "application/vnd.oci.image.layer.nondistributable.v1.tar":
                return .none
            case "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
                return .gzip
            case "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd",
                "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
                return .zstd
            default:
                throw BundleError(
                    .unsupportedMediaType, .layer(digest, entry: nil),
                    "Its media type \(mediaType) is none this package unpacks (tar, tar+gzip, tar+zstd).")
            }
        }
    }
}
