import ContainerKit
import Glibc
import TestSupport
import Testing

/// Where a host process of the test below keeps its engine; unset in the tests' own process.
private let hostBase = getenv("CONTAINERKIT_VOLUME_HOST_BASE").map { FilePath(String(cString: $0)) }

/// The program that is killed: this test program once more. It starts the container, anew where it is there.
@Suite(.enabled(if: hostBase != nil, "a host for other tests, in a process of its own"))
struct VolumeKillHost {
    @Test func host() async throws {
        let base = try #require(hostBase)
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
            $0.removesCgroupParent = false
        } operation: { engine in
            if try await engine.containers.list().isEmpty {
                _ = try await engine.start("local/test:1") { VolumeKillTests.configure(&$0, in: base) }
            } else {
                _ = try await engine.restart(engine.reattach("filled"))
            }
        }
    }
}

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: hostBase == nil))
struct VolumeKillTests {
    private static let files = 4000

    fileprivate static func configure(_ configuration: inout ContainerConfiguration, in base: FilePath) {
        configuration.name = ContainerID("filled")
        configuration.command = ["sh", "-c", "ls /data | wc -l; cat /data/* | sha256sum; stat -c %a /data"]
        configuration.life = .durable
        configuration.output = .file(base.appending("output"))
    }

    /// Program, helper and supervisor are killed while the child copies: the next start empties what is there and fills it, and only then
    /// does the container see it.
    @Test func killedWhileAVolumeIsFilled() async throws {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("volume-kill")
            var layer = TarArchive()
            layer.directory("data", mode: 0o750, owner: 1000)
            for file in 0..<Self.files { layer.file("data/\(file)", Array("file \(file)".utf8)) }
            var image = try TestImage.busybox()
            image.layers.append(layer.finished())
            image.volumes = ["/data"]
            try image.write(layout: base.appending("layout"))
            try await withContainerEngine {
                EngineFixture.configure(&$0, in: base)
                $0.removesCgroupParent = false
            } operation: { engine in
                _ = try await engine.images.importLayout(base.appending("layout"), as: "local/test:1")
            }
            let volume = base.appending("root/containers/filled/volumes/0")
            var kills = 0
            for _ in 0..<12 where kills < 3 {
                if try await Self.kill(base, while: volume) { kills += 1 }
            }
            #expect(kills == 3, "no kill met the copy")
            try await withContainerEngine {
                EngineFixture.configure(&$0, in: base)
            } operation: { engine in
                let container = try await engine.restart(engine.reattach("filled"))
                #expect(try await container.wait() == .exited(0))
                try await container.delete()
                let all = (0..<Self.files).map { "\($0)" }.sorted().map { "file \($0)" }.joined()
                #expect(
                    try Files.text(base.appending("output")).split(separator: "\n").suffix(3)
                        == ["\(Self.files)", "\(TestImage.hex(Array(all.utf8)))  -", "750"])
            }
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
    }

    /// - Returns: whether the volume is half filled and the container is still there.
    private static func kill(_ base: FilePath, while volume: FilePath) async throws -> Bool {
        var environment = ["CONTAINERKIT_VOLUME_HOST_BASE": base.string]
        for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let before = Files.names(in: volume)?.count ?? 0
        let host = try ChildProcess(
            Command(
                [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "VolumeKillHost"], environment: environment))
        var emptied = before == 0
        for _ in 0..<10_000 {
            let count = Files.names(in: volume)?.count ?? 0
            if count < before { emptied = true }
            if emptied && count > 10 { break }
            usleep(500)
        }
        let family = CarelessHost.descendants(of: host.pid)
        Glibc.kill(host.pid, SIGKILL)
        for pid in family { Glibc.kill(pid, SIGKILL) }
        _ = try host.wait(within: .seconds(10))
        for pid in family { for _ in 0..<2000 where !ProcessView(pid).isOrphanedZombie { usleep(1000) } }
        let left = Files.names(in: volume)?.count ?? 0
        return left > 0 && left < files
    }
}
