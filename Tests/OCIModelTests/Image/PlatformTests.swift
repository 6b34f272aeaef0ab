import OCIModel
import Testing

/// The choice of an image for a platform. See: image-spec 1.1, image-index.md.
@Suite struct PlatformTests {
    static let amd64 = Platform(architecture: "amd64")
    static let arm = Platform(architecture: "arm", variant: "v7")
    static let arm64 = Platform(architecture: "arm64", variant: "v8")

    static let pairs: [(Platform, Platform, Bool)] = [
        (amd64, amd64, true),
        (amd64, Platform(architecture: "amd64", variant: "v3"), true),
        (amd64, arm64, false),
        (amd64, Platform(os: "windows", architecture: "amd64"), false),
        (amd64, Platform(architecture: "AMD64"), false),
        (arm64, arm64, true),
        (arm64, Platform(architecture: "arm64"), true),
        (arm64, Platform(architecture: "arm64", variant: "v9"), false),
        (arm64, arm, false),
        (arm64, Platform(architecture: "arm64", variant: "v8.1"), false),
        (Platform(architecture: "arm64", variant: "v9"), arm64, true),
        (Platform(architecture: "arm64"), arm64, true),
        (arm, Platform(architecture: "arm", variant: "v6"), true),
        (arm, Platform(architecture: "arm", variant: "v8"), false),
        (Platform(architecture: "arm", variant: "v6"), arm, false),
        (Platform(architecture: "amd64", variant: "v2"), amd64, true),
        (Platform(architecture: "amd64", variant: "v2"), Platform(architecture: "amd64", variant: "v3"), false),
        (Platform(architecture: "mips", variant: "softfloat"), Platform(architecture: "mips", variant: "hardfloat"), false),
        (Platform(architecture: "mips", variant: "softfloat"), Platform(architecture: "mips"), true),
        // Attestations stand in an index like this.
        (amd64, Platform(os: "unknown", architecture: "unknown"), false),
    ]

    @Test(arguments: pairs) func runs(_ host: Platform, _ image: Platform, _ runs: Bool) {
        #expect(host.runs(image) == runs)
    }

    @Test func choice() throws {
        let hex = String(repeating: "0", count: 63)
        func entry(_ digit: Int, _ platform: Platform?) throws -> Descriptor {
            Descriptor(mediaType: .imageManifest, digest: try Digest("sha256:\(hex)\(digit)"), size: 1, platform: platform)
        }
        let attestation = try entry(0, Platform(os: "unknown", architecture: "unknown"))
        let first = try entry(1, Self.arm64)
        let second = try entry(2, Self.amd64)
        let third = try entry(3, Self.amd64)
        #expect(ImageIndex(manifests: [attestation, first, second, third]).manifest(for: Self.amd64) == second)
        #expect(ImageIndex(manifests: [attestation, first]).manifest(for: Self.amd64) == nil)
        #expect(ImageIndex(manifests: []).manifest(for: Self.amd64) == nil)
        // One that names no platform is taken only when there is no other.
        let unnamed = try entry(4, nil)
        #expect(ImageIndex(manifests: [unnamed]).manifest(for: Self.amd64) == unnamed)
        #expect(ImageIndex(manifests: [unnamed, first]).manifest(for: Self.amd64) == nil)
        #expect(ImageIndex(manifests: [unnamed, second]).manifest(for: Self.amd64) == second)
    }

    /// Ours, then the best below it, whatever the order of the index.
    @Test(arguments: [
        ("arm", "v7", ["v5", "v7", "v6"], "v7"), ("arm", "v7", ["v5", "v6", "v8"], "v6"), ("arm", "v6", ["v5", "v7"], "v5"),
        ("arm64", "v8", ["v9", "", "v7"], ""), ("arm64", "v9", ["v8", "v8.2", "v9.1"], "v8.2"),
        ("amd64", "", ["v3", "v2", ""], ""), ("amd64", "", ["v3", "v2"], "v2"), ("amd64", "v3", ["", "v4", "v2"], "v2"),
        ("amd64", "v3", ["v3", "", "v2"], "v3"),
    ]) func variants(_ architecture: String, _ own: String, _ offered: [String], _ expected: String) throws {
        func platform(_ variant: String) -> Platform {
            Platform(architecture: architecture, variant: variant.isEmpty ? nil : variant)
        }
        let hex = String(repeating: "0", count: 63)
        let entries = try offered.enumerated().map { number, variant in
            Descriptor(mediaType: .imageManifest, digest: try Digest("sha256:\(hex)\(number)"), size: 1, platform: platform(variant))
        }
        #expect(ImageIndex(manifests: entries).manifest(for: platform(own))?.platform == platform(expected))
        #expect(ImageIndex(manifests: entries.reversed()).manifest(for: platform(own))?.platform == platform(expected))
    }

    @Test func names() {
        #expect(Self.amd64.description == "linux/amd64")
        #expect(Self.arm64.description == "linux/arm64/v8")
        #expect(Platform.current.os == "linux")
        #expect(Platform.current.runs(.current))
    }
}
