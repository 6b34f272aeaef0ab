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

    /// Whether an image for `other` runs here: os and architecture are the same, and the variant is not above ours.
    public func runs(_ other: Platform) -> Bool { preference(for: other) != nil }

    /// How well an image for `other` suits this platform; the greatest is taken, the first of several. Nil when it does not run here.
    ///
    /// A processor runs what was made for its variant and, less well, for those below: `arm/v7` runs v6 and v5, `arm64/v9` runs v8,
    /// `amd64/v3` runs v2 and v1. A missing variant is `v8` of arm64, `v7` of arm, `v1` of amd64; where this platform's own is missing on
    /// amd64 it is not known, so that others run, the lowest preferred.
    public func preference(for other: Platform) -> Int? {
        guard os == other.os, architecture == other.architecture else { return nil }
        if Self.known(variant) == Self.known(other.variant) { return .max }
        guard let theirs = Self.level(Self.known(other.variant) ?? Self.plainVariants[architecture]) else {
            // A variant without a number, and none at all, say nothing of each other.
            return other.variant == nil || variant == nil ? 0 : nil
        }
        if architecture == "amd64", Self.known(variant) == nil { return theirs == 100 ? .max : -theirs }
        guard let ours = Self.level(Self.known(variant) ?? Self.plainVariants[architecture]) else { return variant == nil ? 0 : nil }
        if theirs == ours { return .max }
        return theirs < ours ? theirs : nil
    }

    private static let plainVariants = ["arm64": "v8", "arm": "v7", "amd64": "v1"]

    private static func known(_ variant: String?) -> String? { variant.flatMap { $0.isEmpty ? nil : $0 } }

    /// `v8` is 800, `v8.2` is 802.
    private static func level(_ variant: String?) -> Int? {
        guard let variant = known(variant), variant.hasPrefix("v") else { return nil }
        let parts = variant.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let major = Int(parts[0]), (0..<1000).contains(major) else { return nil }
        guard parts.count == 2 else { return major * 100 }
        guard let minor = Int(parts[1]), (0..<100).contains(minor) else { return nil }
        return major * 100 + minor
    }
}

extension Platform: CustomStringConvertible {
    /// `linux/arm64/v8`.
    public var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }
}
