import BundleKit
import Glibc
import LinuxSystem
import SpawnKit
import SystemPackage
import TestSupport
import Testing

@Suite("The unpacker's process", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct UnpackerProcessTests {
    /// A process that has something below `directory` open, and is not this one.
    static func process(holding directory: FilePath) -> Int32? {
        for name in Files.names(in: "/proc") ?? [] {
            guard let pid = Int32(name), pid != getpid() else { continue }
            let descriptors = FilePath("/proc/\(pid)/fd")
            for number in Files.names(in: descriptors) ?? [] {
                if let target = Files.link(descriptors.appending(number)), target.hasPrefix(directory.string + "/layers/ingest/") {
                    return pid
                }
            }
        }
        return nil
    }

    @Test func `is alone and confined, and its death is a typed error that leaves nothing`() async throws {
        try await TestDirectory.with("killed") { directory in
            let store = try await LayerStore.open(at: directory.appending("layers"), durability: .none)
            let spawner = Spawner()
            defer { spawner.shutdown() }
            var archive = TarArchive()
            for number in 0..<40_000 { archive.file("file\(number)", text: "\(number)") }
            let bytes = archive.finished()
            let path = directory.appending("blob")
            try Files.write(bytes, to: path)
            struct Single: LayerSource {
                var path: FilePath
                func openLayer(_ layer: LayerDescription) async throws -> SharedDescriptor {
                    SharedDescriptor(OwnedDescriptor(try FileDescriptor.open(path, .readOnly, options: .closeOnExec)))
                }
            }
            let layer = LayerDescription(
                mediaType: "application/vnd.oci.image.layer.v1.tar", digest: "sha256:" + TestImage.hex(bytes), size: UInt64(bytes.count),
                diffID: "sha256:" + TestImage.hex(bytes))
            let task = Task { try await Unpacker(store: store, spawner: spawner).unpack([layer], from: Single(path: path)) }
            var found: Int32?
            var status = ""
            for _ in 0..<500 where found == nil {
                try await Task.sleep(for: .milliseconds(2))
                guard let pid = Self.process(holding: directory) else { continue }
                status = (try? Files.text(FilePath("/proc/\(pid)/status"))) ?? ""
                // Forked, and past the confinement.
                if status.contains("Seccomp:\t2") { found = pid }
            }
            let pid = try #require(found)
            #expect(status.contains("Threads:\t1\n") && status.contains("Umask:\t0000\n"))
            #expect(status.contains("NoNewPrivs:\t1\n"))
            // chown, dac_override, dac_read_search, fowner, fsetid, sys_admin, mknod, setfcap.
            #expect(status.contains("CapEff:\t000000008820001f\n") && status.contains("CapPrm:\t000000008820001f\n"))
            #expect(Files.link(FilePath("/proc/\(pid)/ns/mnt")) != Files.link("/proc/self/ns/mnt"))
            let limits = try Files.text(FilePath("/proc/\(pid)/limits"))
            #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max core file size        0 ") })
            #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max data size") && !$0.contains("unlimited") })
            kill(pid, SIGKILL)
            await #expect { try await task.value } throws: { ($0 as? BundleError)?.code == .unpackerFailed }
            #expect(Files.names(in: directory.appending("layers/ingest")) == [])
            #expect(Files.names(in: directory.appending("layers/sha256")) == [])
        }
    }
}
