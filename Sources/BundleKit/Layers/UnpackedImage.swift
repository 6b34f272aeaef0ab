public import SystemPackage

/// The layers of an image, unpacked.
public struct UnpackedImage: Sendable, Hashable {
    /// What became of one layer.
    public struct Layer: Sendable, Hashable {
        public var description: LayerDescription
        /// Its name in the store: what a garbage collection has to keep.
        public var key: LayerKey
        /// Its directory, in overlay form.
        public var path: FilePath
        /// True when it was there already.
        public var wasPresent: Bool
        /// Entries and bytes of its archive; 0 when it was there already.
        public var entries: UInt64
        public var bytes: UInt64
        /// From the request to the finished layer.
        public var duration: Duration
    }

    /// Lowest first, as in the manifest.
    public var layers: [Layer]
    /// `sha256:<hex>`; see image-spec 1.1, config.md. Empty for an image without layers.
    public var chainID: String
    /// From the call to the last layer, flush included.
    public var duration: Duration

    /// Directories for overlayfs, topmost first.
    public var lowerDirectories: [FilePath] { layers.reversed().map(\.path) }
}

/// How far unpacking is.
public enum UnpackProgress: Sendable, Hashable {
    /// The layer with this index (0 is the lowest) begins.
    case started(Int)
    case finished(Int, UnpackedImage.Layer)
}
