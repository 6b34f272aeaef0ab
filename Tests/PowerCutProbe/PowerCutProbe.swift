import ContainerKit
import Glibc
import ImageKit
import OCIModel
import SystemPackage

/// What `Tests/Guest/power-cuts` runs.
///
/// `PowerCutProbe images <directory> <seed>`: makes the images, in an OCI image layout.
/// `PowerCutProbe cut <disk> <registry> <seed>`: in the guest. Checks what the last cut left on the disk, then pulls and removes until
/// the power goes. The kernel's argument `containerkit.whole` lists images whose pull was over before the cut, `containerkit.cut` says which
/// cut is next; with `containerkit.last` nothing follows the check.
@main
struct PowerCutProbe {
    static let images = 3

    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            switch arguments.first {
            case "images" where arguments.count == 3: try await makeImages(FilePath(arguments[1]), UInt64(arguments[2]) ?? 0)
            case "cut" where arguments.count == 4:
                let probe = PowerCutProbe(disk: FilePath(arguments[1]), registry: arguments[2])
                let layers = try await probe.expectedLayers()
                try await probe.check(layers)
                if kernelArgument("containerkit.last") != nil { return }
                let cut = UInt64(kernelArgument("containerkit.cut") ?? "") ?? 0
                try await probe.pullForEver((UInt64(arguments[3]) ?? 0) &+ cut)
            default: exit(64)
            }
        } catch {
            say("failed: \(error)")
            exit(1)
        }
    }

    /// In one piece: whoever cuts the power goes by whole lines.
    static func say(_ text: String) {
        let line = Array("power-cut: \(text)\n".utf8)
        _ = write(1, line, line.count)
        // Not merely on its way: it must be known outside before what follows begins.
        tcdrain(1)
    }

    static func kernelArgument(_ name: String) -> String? {
        guard let text = try? TreeSum.contents("/proc/cmdline") else { return nil }
        for word in String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace) where word.hasPrefix(name + "=") {
            return String(word.dropFirst(name.utf8.count + 1))
        }
        return nil
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    // MARK: images

    /// Each has a layer that all have, and layers that name files in directories they do not list, which have to be settled. One has a layer
    /// whose download is kept when it breaks.
    static func makeImages(_ directory: FilePath, _ seed: UInt64) async throws {
        let store = try ContentStore(at: directory, durability: .none)
        for image in 0..<images {
            var builder = ImageBuilder()
            for layer in 0..<4 {
                var random = Generator(state: seed &+ UInt64(layer == 0 ? 0 : image * 10 + layer))
                try builder.layer { contents throws(ImageError) in
                    if layer == 0 {
                        for path in ["a", "a/b", "a/b/c"] { try contents.directory(path, mode: 0o750, owner: (1000, 100)) }
                    }
                    for file in 0..<30 { try contents.file("a/b/c/\(layer)-\(file)", random.bytes(1500), mode: 0o640, owner: (7, 8)) }
                    try contents.file("a/large-\(layer)", random.bytes(image == 0 && layer == 1 ? 6 << 20 : 200_000))
                    try contents.symbolicLink("a/link-\(layer)", to: "b/c/\(layer)-0")
                }
            }
            _ = try await builder.build(in: store, as: Reference("local/image:\(image)"))
        }
    }

    // MARK: the guest

    var disk: FilePath
    var registry: String

    func name(_ image: Int) -> String { "\(registry)/cut/image:\(image)" }

    func withEngine(at root: FilePath, _ body: (ContainerEngine) async throws -> Void) async throws {
        try await withContainerEngine { configuration in
            configuration.root = root
            configuration.run = FilePath("/run/containerkit")
            // An emulated processor takes its time.
            configuration.spawner.startLimit = .seconds(60)
        } operation: {
            try await body($0)
        }
    }

    /// Sums of the layers by name, as pulls that nobody disturbs leave them, and which image has which. Kept on the disk from the first
    /// start on.
    func expectedLayers() async throws -> [Int: [String: String]] {
        let file = disk.appending("expected")
        if let text = try? TreeSum.contents(file.string) {
            var layers: [Int: [String: String]] = [:]
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                layers[Int(words[0]) ?? -1, default: [:]][words[1]] = words[2]
            }
            return layers
        }
        var layers: [Int: [String: String]] = [:]
        for image in 0..<Self.images {
            let root = FilePath("/tmp/undisturbed-\(image)")
            try await withEngine(at: root) { engine in
                _ = try await engine.images.pull(name(image))
                layers[image] = try Self.layers(in: root)
            }
        }
        let text = Array(layers.flatMap { image, sums in sums.map { "\(image) \($0) \($1)\n" } }.joined().utf8)
        let descriptor = open(file.string, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0, write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0 else {
            throw Failure(description: "\(file) cannot be written: \(Errno(rawValue: errno))")
        }
        close(descriptor)
        sync()
        return layers
    }

    static func layers(in root: FilePath) throws -> [String: String] {
        let directory = root.appending("layers/sha256")
        var sums: [String: String] = [:]
        for name in try TreeSum.names(directory.string) { sums[name] = try TreeSum.of(directory.appending(name).string) }
        return sums
    }

    func check(_ expected: [Int: [String: String]]) async throws {
        let root = disk.appending("root")
        let whole = (Self.kernelArgument("containerkit.whole") ?? "").split(separator: ",").compactMap { Int($0) }
        let all = expected.values.reduce(into: [:]) { $0.merge($1) { one, _ in one } }
        let left = ["content/ingest", "content/unsynced", "layers/ingest", "layers/unsynced"].map {
            "\($0): \(((try? TreeSum.names(root.appending($0).string)) ?? []).count)"
        }
        try await withEngine(at: root) { engine in
            let report = try await engine.images.verify()
            guard report.isClean else { throw Failure(description: "the store is not sound: \(report.problems)") }
            guard try TreeSum.names(root.appending("layers/ingest").string) == [] else {
                throw Failure(description: "something is left in staging")
            }
            var there = try Self.layers(in: root)
            for (layer, sum) in there where all[layer] != sum { throw Failure(description: "the layer \(layer) is not whole") }
            let names = try await engine.images.list().map(\.reference.description)
            for image in whole {
                guard names.contains(where: { $0.hasSuffix("/cut/image:\(image)") }) else {
                    throw Failure(description: "image \(image) had been pulled, and its name is not there: \(names)")
                }
                for layer in (expected[image] ?? [:]).keys where there[layer] == nil {
                    throw Failure(description: "image \(image) had been unpacked, and its layer \(layer) is not there")
                }
            }
            let found = "\(there.count) layers, \(report.blobs) blobs, \(names.count) names; before it was opened \(left)"
            for image in 0..<Self.images { _ = try await engine.images.pull(name(image), policy: .always) }
            there = try Self.layers(in: root)
            guard there == all else { throw Failure(description: "the next pulls left other layers: \(there), expected \(all)") }
            let after = try await engine.images.verify()
            guard after.isClean else { throw Failure(description: "the store is not sound after the next pulls: \(after.problems)") }
            Self.say("checked, \(whole.count) whole images, \(found)")
        }
    }

    func pullForEver(_ seed: UInt64) async throws -> Never {
        var random = Generator(state: seed)
        for image in 0..<Self.images { Self.say("pulled \(image)") }
        Self.say("begun")
        while true {
            let image = Int(random.next() % UInt64(Self.images))
            // An engine of its own each time: it holds the layers of what it has used until it ends.
            try await withEngine(at: disk.appending("root")) { engine in
                Self.say("removing \(image)")
                try await engine.images.remove(name(image))
                _ = try await engine.images.pull(name(image), policy: .always)
                Self.say("pulled \(image)")
            }
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: next()) { bytes += $0 } }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
