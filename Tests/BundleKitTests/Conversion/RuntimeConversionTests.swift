import Foundation
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import BundleKit

@Suite("Runtime configuration")
struct RuntimeConversionTests {
    private func convert(_ fill: (inout BundleOptions) -> Void = { _ in }, user: UInt32 = 0) throws -> RuntimeConfiguration {
        var options = BundleOptions()
        fill(&options)
        let conversion = RuntimeConversion(
            image: ImageDefaults(command: ["sh"], workingDirectory: "/srv", labels: ["a": "image", "b": "image"]), options: options,
            containerID: "0123456789abcdef")
        return try conversion.configuration(ResolvedUser(user: user, group: 5, additionalGroups: [7], home: "/h"))
    }

    private func fails(_ option: String, _ fill: (inout BundleOptions) -> Void) {
        #expect { try convert(fill) } throws: { ($0 as? BundleError)?.subject == .option(option) }
    }

    @Test func `defaults are Docker's`() throws {
        let configuration = try convert()
        #expect(configuration.hostname == "0123456789ab" && configuration.process?.cwd == "/srv")
        #expect(configuration.process?.capabilities?.bounding?.count == 14)
        #expect(configuration.process?.capabilities?.effective == configuration.process?.capabilities?.bounding)
        #expect(configuration.process?.capabilities?.inheritable == [] && configuration.process?.capabilities?.ambient == [])
        #expect(configuration.process?.noNewPrivileges == true && configuration.process?.oomScoreAdj == 0)
        #expect(
            configuration.mounts?.map(\.destination) == [
                "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
            ])
        #expect(configuration.mounts?.last?.options?.contains("size=67108864") == true)
        #expect(configuration.linux?.namespaces?.map(\.type) == [.mount, .uts, .pid, .ipc, .cgroup, .network])
        #expect(configuration.linux?.maskedPaths?.contains("/proc/kcore") == true)
        #expect(configuration.linux?.readonlyPaths == ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
        #expect(configuration.linux?.resources?.devices?.first == .init(allow: false, access: "rwm"))
        #expect(configuration.linux?.seccomp != nil)
        let other = try convert(user: 1000)
        #expect(other.process?.capabilities?.effective == [] && other.process?.capabilities?.permitted == [])
        #expect(other.process?.user == .init(uid: 1000, gid: 5, additionalGids: [7]))
    }

    @Test func `labels, networks, capabilities`() throws {
        let configuration = try convert {
            $0.labels = ["b": "user"]
            $0.annotations = ["c": "own"]
            $0.network = .host
            $0.security.droppedCapabilities = ["ALL"]
            $0.security.addedCapabilities = ["net_admin", "CAP_CHOWN"]
        }
        #expect(configuration.annotations == ["a": "image", "b": "user", "c": "own"])
        #expect(configuration.linux?.namespaces?.contains { $0.type == .network } == false)
        #expect(configuration.process?.capabilities?.bounding == ["CAP_CHOWN", "CAP_NET_ADMIN"])
        #expect(try convert { $0.security.addedCapabilities = ["ALL"] }.process?.capabilities?.bounding?.count == 41)
        let mixed = try convert {
            $0.security.addedCapabilities = ["ALL"]
            $0.security.droppedCapabilities = ["SYS_ADMIN"]
        }
        #expect(mixed.process?.capabilities?.bounding?.count == 40)
        fails("security.addedCapabilities") { $0.security.addedCapabilities = ["CAP_NOPE"] }
        fails("security.droppedCapabilities") { $0.security.droppedCapabilities = [""] }
    }

    @Test func `mounts`() throws {
        let configuration = try convert {
            $0.mounts = [
                .bind(source: "/data", destination: "/a/b", readOnly: true), .temporary(destination: "/a", size: 4096),
                .temporary(destination: "/dev/shm/", size: 1),
            ]
        }
        let mounts = try #require(configuration.mounts)
        #expect(mounts.suffix(3).map(\.destination) == ["/a", "/a/b", "/dev/shm"])
        #expect(mounts.filter { $0.destination == "/dev/shm" }.count == 1)
        #expect(mounts.first { $0.destination == "/a/b" }?.options == ["rbind", "rprivate", "ro"])
        for bad in ["", "/", "a", "/a/../b", "/a\0"] {
            fails("mounts") { $0.mounts = [.temporary(destination: bad)] }
        }
        fails("mounts") { $0.mounts = [.bind(source: "relative", destination: "/a")] }
        fails("mounts") { $0.mounts = [.temporary(destination: "/a"), .temporary(destination: "//a/.")] }
    }

    @Test func `resources`() throws {
        let resources = try #require(
            try convert {
                $0.resources.memory = 64 << 20
                $0.resources.cpus = 1.5
                $0.resources.pids = 10
                $0.resources.cpusetCPUs = "0-1,3"
                $0.resources.ioWeight = 500
            }.linux?.resources)
        #expect(resources.memory?.limit == 64 << 20 && resources.memory?.swap == 128 << 20)
        #expect(resources.cpu?.quota == 150_000 && resources.cpu?.period == 100_000 && resources.pids?.limit == 10)
        #expect(resources.blockIO?.weight == 500)
        fails("resources.memory") { $0.resources.memory = 1 }
        fails("resources.memorySwap") { $0.resources.memorySwap = 5 }
        fails("resources.memorySwap") {
            $0.resources.memory = 64 << 20
            $0.resources.memorySwap = 5
        }
        fails("resources.cpus") { $0.resources.cpus = .nan }
        fails("resources.cpus") { $0.resources.cpus = 0 }
        fails("resources.pids") { $0.resources.pids = 0 }
        for bad in ["", "a", "3-1", "1,,2", "1-2-3", "-1"] { fails("resources.cpusetCPUs") { $0.resources.cpusetCPUs = bad } }
        fails("resources.ioWeight") { $0.resources.ioWeight = 1 }
        fails("hostname") { $0.hostname = "a b" }
        fails("workingDirectory") { $0.workingDirectory = "relative" }
        fails("oomScoreAdjustment") { $0.oomScoreAdjustment = 1001 }
    }

    @Test func `config.json is written and read back the same`() async throws {
        try await TestDirectory.with("bundle") { directory in
            let configuration = try convert { $0.resources.memory = 64 << 20 }
            try await configuration.write(toBundle: directory)
            #expect(Files.names(in: directory) == ["config.json"])
            let read = try JSONDecoder().decode(RuntimeConfiguration.self, from: Data(try Files.read(directory.appending("config.json"))))
            #expect(read == configuration)
        }
    }
}
