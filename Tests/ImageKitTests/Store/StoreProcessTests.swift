import CLinux
import Glibc
import Logging
import NIOHTTP1
import OCIModel
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Several programs with one store", .serialized) struct StoreProcessTests {
    /// Five images whose layers overlap, each in a repository of its own and under every tag.
    private static func registry(_ cleanup: Cleanup, layer size: Int, delay: Bool = false) async throws -> (ScriptedServer, [ScriptedImage])
    {
        let server = try await ScriptedServer()
        cleanup.add { await server.stop() }
        let images = (0..<5).map { number in
            // Images 0 and 1 share one layer, and so on.
            ScriptedImage(layers: [size + number / 2, size + 10 + number % 2, 100 + number])
        }
        var blobs: [String: [UInt8]] = [:]
        for image in images { for blob in image.layers + [image.configuration] { blobs[ScriptedImage.digest(blob)] = blob } }
        let served = blobs
        server.answer { request in
            let parts = request.path.split(separator: "/").map(String.init)
            guard parts.count == 5, let number = Int(parts[2]), images.indices.contains(number) else { return .status(404) }
            if parts[3] == "manifests" {
                return .init(headers: [("Content-Type", ScriptedImage.manifestType)], body: images[number].manifest)
            }
            guard let blob = served[parts[4]] else { return .status(404) }
            return .file(blob, request, rate: delay ? 40 << 20 : nil)
        }
        return (server, images)
    }

    private static var probe: String {
        let own = (try? FilePath(#require(Files.link("/proc/self/exe")))) ?? "/"
        // Beside the test bundle, whoever runs it.
        for base in [CommandLine.arguments.first ?? "", own.string] {
            let path = FilePath(base).removingLastComponent().appending("StoreProbe")
            if Files.exists(path) { return path.string }
        }
        return FilePath(#filePath).removingLastComponent().appending("../../../.build/debug/StoreProbe").string
    }

    /// The names that are left are exactly those that should be; nothing that they need is missing, and nothing else is there.
    @Test func namesAndBlobsOfSixteenPrograms() async throws {
        try await withCleanup { cleanup in
            let (server, _) = try await Self.registry(cleanup, layer: 20_000)
            let path = try cleanup.directory("store").appending("content")
            _ = try ContentStore(at: path)
            let seed = UInt64.random(in: 0 ... .max)
            print("StoreProbe seed \(seed)")
            let probe = Self.probe
            let address = server.address
            let ends = try await BlockingWork.run {
                // Collects as long as the others run.
                let running = path.removingLastComponent().appending("running")
                try Files.write("", to: running)
                let collector = try ChildProcess(
                    Command([
                        "sh", "-c", "while [ -e \"$0\" ]; do sleep 0.1; done | \"$1\" \"$2\" collect", running.string, probe, path.string,
                    ]))
                let workers = try (0..<16).map { worker in
                    try ChildProcess(Command([probe, path.string, "churn", address, "\(worker)", "50", "\(seed)"]))
                }
                var outputs: [(Int32, String, String)] = []
                for worker in workers {
                    let status = try worker.wait(within: .seconds(100))
                    outputs.append(
                        (status, String(decoding: worker.output(), as: UTF8.self), String(decoding: worker.errors(), as: UTF8.self)))
                }
                try Command.run("rm", path.removingLastComponent().appending("running").string)
                let status = try collector.wait(within: .seconds(20))
                outputs.append((status, "", String(decoding: collector.errors(), as: UTF8.self)))
                return outputs
            }
            for end in ends { #expect(end.0 == 0, "\(end.2)") }
            let store = try ContentStore(at: path)
            var expected = Set(ends.flatMap { $0.1.split(separator: "\n").map(String.init) })
            for number in 0..<4 { expected.insert("docker.io/shared/app:\(number)") }
            let names = try store.names().map(\.reference)
            #expect(Set(names.map(\.description)).filter { !$0.hasPrefix(address) } == expected)
            for name in names { #expect(try store.image(name) != nil, "\(name)") }
            let report = try store.verify()
            #expect(report.isClean, "\(report.problems)")
            // The registry's own names go, and one collection leaves what the others need.
            for name in names where name.registry == address { try store.removeName(name) }
            try store.collectGarbage(droppingPartialDownloads: true)
            #expect(try store.usage().reclaimable == .bytes(0))
            for name in try store.names().map(\.reference) { #expect(try store.image(name) != nil, "\(name)") }
            #expect(Files.names(in: path.appending("ingest")) == [])
            #expect(Files.names(in: path.appending("leases")) == [])
            #expect(Files.names(in: path.appending("trash")) == [])
        }
    }

    /// Killed at any instant: the store opens, is sound, and the next pull completes and does not ask again for what was verified.
    @Test func killedAtAnyInstant() async throws {
        try await withCleanup { cleanup in
            let (server, images) = try await Self.registry(cleanup, layer: 6 << 20, delay: true)
            let path = try cleanup.directory("store").appending("content")
            let seed = UInt64.random(in: 0 ... .max)
            print("Kill seed \(seed)")
            var random = SeededGenerator(seed)
            var (partial, blobs, named, resumed) = (0, 0, 0, 0)
            let reference = try Reference("\(server.address)/image/0:1")
            let client = try RegistryClient(.init(), logger: .init(label: "test"))
            cleanup.add { try await client.shutdown() }
            let address = server.address
            for round in 0..<40 {
                let delay = UInt32.random(in: 5_000..<250_000, using: &random)
                try await BlockingWork.run {
                    let child = try ChildProcess(Command([Self.probe, path.string, "loop", address]))
                    usleep(delay)
                    kill(child.pid, SIGKILL)
                    _ = try child.wait(within: .seconds(5))
                }
                let store = try ContentStore(at: path)
                let report = try store.verify()
                #expect(report.isClean, "\(report.problems)")
                if !(Files.names(in: path.appending("ingest")) ?? []).isEmpty { partial += 1 }
                if report.blobs > 0 { blobs += 1 }
                if try !store.names().isEmpty { named += 1 }
                guard round % 4 == 3 else { continue }
                let present = try images[0].layers.filter { try store.contains(Digest(ScriptedImage.digest($0))) }
                let before = server.requests.count
                let image = try await ImagePuller(store: store, client: client).pull(reference, policy: .always).image
                #expect(try store.image(reference) == image)
                let asked = server.requests[before...]
                for layer in present { #expect(!asked.contains { $0.path.hasSuffix(ScriptedImage.digest(layer)) }) }
                resumed += asked.count { $0.headers.first(name: "Range")?.hasSuffix("-") == true }
                #expect(try store.verify().isClean)
                try store.removeName(reference)
                try store.collectGarbage(droppingPartialDownloads: true)
            }
            print("40 kills: with partial downloads \(partial), with blobs \(blobs), with a name \(named); resumed \(resumed)")
            #expect(partial > 0)
            #expect(blobs > 0)
        }
    }
}
