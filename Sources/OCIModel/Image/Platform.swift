/// The platform an image is made for. See: image-spec 1.1, image-index.md.
public struct Platform: Sendable, Hashable, Codable {
    /// `linux`.
    public var os: String
    /// Go's names: `amd64`, `arm64`, …
    public var architecture: String
    /// Of the CPU, for instance `v8`.
    public var variant: String?
    public var osVersion: String?
    public var osFeatures: [String]?

    public init(os: String = "linux", architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    private enum CodingKeys: String, CodingKey {
        case os, architecture, variant
        case osVersion = "os.version"
        case osFeatures = "os.features"
    }

    /// The platform this program runs on.
    public static var current: Platform {
        #if arch(x86_64)
        Platform(architecture: "amd64")
        #elseif arch(arm64)
        Platform(architecture: "arm64", variant: "v8")
        #elseif arch(arm)
        Platform(architecture: "arm", variant: "v7")
        #else
        Platform(architecture: "unknown")
        #endif
    }

    /// Whether an image for `other` runs here: os and architecture are the same, and the variant where both name one.
    public func runs(_ other: Platform) -> Bool {
        guard os == other.os, architecture == other.architecture else { return false }
        guard let variant, let theirs = other.variant else { return true }
        return variant == theirs
    }
}

extension Platform: CustomStringConvertible {
    /// `linux/arm64/v8`.
    public var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }
}
