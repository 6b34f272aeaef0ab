import ContainerKit
import Glibc
import TestSupport
import Testing

/// Kills a program that pulls, with everything it has started, at random instants within the phases of a pull: the store opens, is sound,
/// and the next pull completes it and does not ask again for what was verified.
///
/// `CONTAINERKIT_STORE_KILLS` says how many (`make chaos`: 200), at least thirty in each phase. Unset, as many as fit into 25 seconds,
/// at least one in each phase. `CONTAINERKIT_CHAOS_SEED` repeats the choices of a run.
@Suite(
    .serialized, .needsRoot, .tags(.privileged), .leakChecked, .needsPrograms("docker-registry", "skopeo"),
    .enabled(if: storeChaosBase == nil))
struct StoreChaosTests {
    /// - Parameter runner: the process of the tests.
    static func configure(_ configuration: inout EngineConfiguration, in base: FilePath, runner: Int32 = getpid()) {
        EngineFixture.configure(&configuration, in: base)
        // The one that made it may be killed.
        configuration.cgroupParent = FilePath("/containerkit-test-\(runner)")
        configuration.removesCgroupParent = false
        // With the markers of what is not flushed.
        configuration.durability = .perImage
    }

    /// Layers that take a while, each with parents that it does not list: all but the lowest are settled.
    private static func image(seed: UInt64) -> TestImage {
        var random = SeededGenerator(seed)
        var lowest = TarArchive()
        for name in ["a", "a/b", "a/b/c"] { lowest.directory(name, mode: 0o700, owner: 1000) }
        var layers = [lowest.finished()]
        for layer in 0..<5 {
            var archive = TarArchive()
            for file in 0..<150 {
                archive.file("a/b/c/\(layer)-\(file)", (0..<2000).map { _ in UInt8.random(in: 0...255, using: &random) })
            }
            let large = (0..<(layer == 2 ? 6 << 17 : 2000)).flatMap { _ in
                withUnsafeBytes(of: UInt64.random(in: 0 ... .max, using: &random)) { Array($0) }
            }
            archive.file("a/large-\(layer)", large)
            layers.append(archive.finished())
        }
        return TestImage(layers: layers)
    }

    @Test func killedAtAnyInstant() async throws {
        let seed = number("CONTAINERKIT_CHAOS_SEED") ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let full = number("CONTAINERKIT_STORE_KILLS").map { Int($0) }
        let (wanted, least) = full.map { ($0, 30) } ?? (60, 1)
        let begun = ContinuousClock.now
        print("Kills of pulls begin at seed \(seed)")
        var random = SeededGenerator(seed)
        var counts = Dictionary(uniqueKeysWithValues: StoreWatch.Phase.allCases.map { ($0, 0) })
        var found = Found()
        try await withCleanup { cleanup in
            let base = try cleanup.directory("store-chaos")
            let registry = try DockerRegistry(.init(), in: cleanup)
            let name = try registry.push(try Self.image(seed: seed).write(layout: base.appending("layout")), as: "chaos/image")
            let expected = try await Self.expected(cleanup.directory("whole"), name)
            // Makes the directories that are watched.
            try await withContainerEngine({ Self.configure(&$0, in: base) }) { _ in }
            let watch = try StoreWatch(root: base.appending("root"))
            while true {
                let rarest = counts.values.min() ?? 0
                if counts.values.reduce(0, +) >= wanted && rarest >= least { break }
                let spent = ContinuousClock.now - begun
                // On a busy machine it takes longer to have one of each.
                if full == nil, rarest >= least ? spent > .seconds(25) : spent > .seconds(120) { break }
                if spent > .seconds(3000) { break }
                let phase = StoreWatch.Phase.allCases.filter { counts[$0] == rarest }.randomElement(using: &random) ?? .ingest
                let delay = UInt32.random(in: 0...phase.longestDelay, using: &random)
                // Not always the first of its kind.
                let skipped = phase == .index ? 0 : Int.random(in: 0...3, using: &random)
                guard try Self.kill(in: phase, skipped, delay, base, name, watch) else { continue }
                counts[phase, default: 0] += 1
                let comment = Comment(rawValue: "seed \(seed), kill \(counts.values.reduce(0, +)), in \(phase)")
                try await Self.check(base, registry, name, expected, &found, comment)
            }
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
        print("Kills of pulls by phase: \(counts.map { "\($0): \($1)" }.sorted()), seed \(seed); found: \(found)")
        for (phase, count) in counts { #expect(count >= least, "too few kills in \(phase), seed \(seed)") }
        if full != nil { #expect(found.partialDownloads > 0 && found.blobs > 0 && found.layers > 0, "\(found)") }
    }

    /// What kills left, all together.
    private struct Found {
        var partialDownloads = 0
        var blobs = 0
        var staging = 0
        var layers = 0
        var indexes = 0
        var names = 0
    }

    private func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

    /// Starts a program and kills it and its children.
    private static func kill(
        in phase: StoreWatch.Phase, _ skipped: Int, _ delay: UInt32, _ base: FilePath, _ name: String, _ watch: StoreWatch
    ) throws -> Bool {
        var environment = ["CONTAINERKIT_STORE_CHAOS_BASE": base.string, "CONTAINERKIT_STORE_CHAOS_IMAGE": name]
        for variable in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
            if let value = getenv(variable) { environment[variable] = String(cString: value) }
        }
        watch.drain()
        let host = try ChildProcess(
            Command(
                [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "StoreChaosHost"], environment: environment))
        var isThere = true
        for _ in 0...skipped { isThere = isThere && watch.wait(for: phase, milliseconds: 15_000) }
        usleep(delay)
        // The spawner, and the unpackers below it.
        let family = descendants(of: host.pid)
        Glibc.kill(host.pid, SIGKILL)
        for pid in family { Glibc.kill(pid, SIGKILL) }
        _ = try host.wait(within: .seconds(10))
        for pid in family { for _ in 0..<2000 where !ProcessView(pid).isOrphanedZombie { usleep(1000) } }
        return isThere
    }

    private static func descendants(of pid: Int32) -> [Int32] {
        let children = (Files.names(in: FilePath("/proc/\(pid)/task")) ?? []).flatMap { task in
            ((try? Files.text(FilePath("/proc/\(pid)/task/\(task)/children"))) ?? "").split(separator: " ").compactMap { Int32($0) }
        }
        return children + children.flatMap(descendants)
    }

    private static func check(
        _ base: FilePath, _ registry: DockerRegistry, _ name: String, _ expected: [String: String], _ found: inout Found, _ comment: Comment
    ) async throws {
        let root = base.appending("root")
        let sizes = (Files.names(in: root.appending("content/ingest")) ?? []).count { $0.hasPrefix("sha256-") }
        if sizes > 0 { found.partialDownloads += 1 }
        if Files.names(in: root.appending("layers/ingest")) != [] { found.staging += 1 }
        if Files.names(in: root.appending("content"))?.contains(where: { $0.hasPrefix(".index.json") }) == true { found.indexes += 1 }
        try await withContainerEngine {
            configure(&$0, in: base)
        } operation: { engine in
            let report = try await engine.images.verify()
            #expect(report.isClean, "\(comment): \(report.problems)")
            #expect(Files.names(in: root.appending("layers/ingest")) == [], comment)
            let blobs = Files.names(in: root.appending("content/blobs/sha256")) ?? []
            let layers = try self.layers(root)
            if !blobs.isEmpty { found.blobs += 1 }
            if !layers.isEmpty { found.layers += 1 }
            if try await !engine.images.list().isEmpty { found.names += 1 }
            for (key, tree) in layers { #expect(expected[key] == tree, "\(comment): the layer \(key) is not whole") }
            let before = registry.log.utf8.count
            try await engine.images.pull(name, policy: .always)
            let log = String(decoding: registry.log.utf8.dropFirst(before), as: UTF8.self)
            for blob in blobs { #expect(!log.contains("GET /v2/chaos/image/blobs/sha256:\(blob)"), "\(comment): \(blob) came again") }
            #expect(try await engine.images.verify().isClean, comment)
            #expect(try self.layers(root) == expected, comment)
            #expect(Files.names(in: root.appending("content/ingest")) == [], comment)
        }
    }

    /// The layers of a pull that nobody disturbs.
    private static func expected(_ base: FilePath, _ name: String) async throws -> [String: String] {
        try await withContainerEngine {
            configure(&$0, in: base)
        } operation: { engine in
            _ = try await engine.images.pull(name)
        }
        let layers = try layers(base.appending("root"))
        #expect(layers.count == 6)
        return layers
    }

    /// Each finished layer with all that is in it: names, types, modes, owners, times, contents.
    private static func layers(_ root: FilePath) throws -> [String: String] {
        let script = """
            cd "$0"; for layer in *; do [ -d "$layer" ] || continue; cd "$layer"
            echo "$layer $( (find . -printf '%P %y %m %U %G %T@ %s %l\\n' | sort; find . -type f | sort | xargs -r cat) | sha256sum | cut -c1-32)"
            cd ..; done
            """
        let lines = try Command.run("sh", "-c", script, root.appending("layers/sha256").string).standardOutput.split(separator: "\n")
        return Dictionary(
            uniqueKeysWithValues: lines.map { ($0.split(separator: " ")[0], $0.split(separator: " ")[1]) }
                .map { (String($0.0), String($0.1)) })
    }
}
