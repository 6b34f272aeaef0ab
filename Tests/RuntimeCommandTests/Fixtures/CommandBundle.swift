import Foundation
import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// A bundle with busybox, and the runtime's own state directory.
final class CommandBundle: Sendable {
    let directory: FilePath
    let root: FilePath
    let id: String

    init(_ cleanup: Cleanup) throws {
        directory = try cleanup.directory("bundle")
        root = directory.appending("state")
        id = "cktest-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try TestRootFileSystem.make(at: directory.appending("rootfs"))
        cleanup.add { [self] in _ = try runtime("delete", "--force", id) }
    }

    var rootfs: FilePath { directory.appending("rootfs") }

    /// What every runtime understands: version 1.0.2, all namespaces, a cgroup of its own.
    func configuration(_ script: String) -> RuntimeConfiguration {
        var process = RuntimeConfiguration.Process(args: ["/bin/sh", "-c", script], env: ["PATH=/bin", "HOME=/"], cwd: "/")
        process.user = .init(uid: 0, gid: 0)
        process.noNewPrivileges = true
        process.capabilities = .init(bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"])
        return RuntimeConfiguration(
            ociVersion: "1.0.2", root: .init(path: "rootfs"),
            mounts: [
                .init(destination: "/proc", type: "proc", source: "proc"),
                .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
                .init(
                    destination: "/dev/pts", type: "devpts", source: "devpts",
                    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                .init(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
            ],
            process: process, hostname: "inside",
            linux: .init(
                namespaces: [RuntimeConfiguration.NamespaceType.pid, .network, .ipc, .uts, .mount, .cgroup].map { .init(type: $0) },
                cgroupsPath: "/\(id)",
                resources: .init(devices: [.init(allow: false, access: "rwm")])))
    }

    func write(_ configuration: RuntimeConfiguration) throws {
        try Files.write(try JSONEncoder().encode(configuration), to: directory.appending("config.json"))
    }

    /// Calls the runtime.
    func runtime(_ words: String..., input: [UInt8] = []) throws -> Command.Result { try runtime(words, input: input) }

    func runtime(_ words: [String], input: [UInt8] = []) throws -> Command.Result {
        let path = try #require(RuntimeUnderTest.path)
        return try Command([path, "--root", root.string] + words, input: input, timeout: .seconds(30)).run()
    }

    /// Runs a script in a container and returns what it wrote.
    func run(_ script: String, _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) throws -> Command.Result {
        var configuration = configuration(script)
        try change(&configuration)
        try write(configuration)
        return try runtime("run", "--bundle", directory.string, id)
    }

    /// What a script that must succeed wrote, without the last newline.
    func output(_ script: String, _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) throws -> String {
        let result = try run(script, change)
        try #require(result.status == 0, "\(result.standardOutput)\(result.standardError)")
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Starts a container that stays.
    func start(_ script: String = "exec sleep 1000", _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) throws {
        var configuration = configuration(script)
        try change(&configuration)
        try write(configuration)
        let result = try runtime("run", "--detach", "--bundle", directory.string, id)
        try #require(result.status == 0, "\(result.standardError)")
    }

    /// A member of `state`.
    func state(_ member: String = "status") throws -> String {
        let result = try runtime("state", id)
        try #require(result.status == 0, "\(result.standardError)")
        let object = try JSONSerialization.jsonObject(with: Data(result.output)) as? [String: Any]
        return object?[member].map { "\($0)" } ?? ""
    }

    /// Waits until the container has a status.
    func wait(for status: String) throws {
        for _ in 0..<200 {
            if try state() == status { return }
            usleep(10_000)
        }
        Issue.record("still \(try state()) instead of \(status)")
    }
}
