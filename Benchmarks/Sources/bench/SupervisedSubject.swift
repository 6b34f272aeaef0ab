import Foundation
import OCIModel
import RuntimeKit
import ShimKit
import SystemPackage

/// This package in the process of the benchmark: its helper runs already, as it does in a program that uses it.
struct SupervisedSubject: Subject {
    let name = "containerkit"
    let supervisor: ContainerSupervisor
    let scenario: Scenario
    let root: String
    let scratch: String

    func run() async throws -> Double {
        let configuration = scenario.configuration(root: root, command: ["/bin/true"], subject: name)
        let start = ContinuousClock.now
        _ = try await run(configuration, outputLimit: 0)
        return (ContinuousClock.now - start) / .milliseconds(1)
    }

    func report(_ script: String) async throws -> String {
        let configuration = scenario.configuration(root: root, command: ["/bin/sh", "-c", script], subject: name)
        return String(decoding: try await run(configuration, outputLimit: 1 << 20), as: UTF8.self)
    }

    func end() {}

    private func run(_ configuration: RuntimeConfiguration, outputLimit: Int) async throws -> [UInt8] {
        guard let id = ContainerID("bench-\(getpid())") else { throw BenchmarkError("no name") }
        var source = RootSource.directory(FilePath(root))
        var owned: [FilePath] = []
        if scenario.hasOverlay {
            let upper = "\(scratch)/upper"
            let work = "\(scratch)/work"
            guard mkdir(upper, 0o755) == 0, mkdir(work, 0o755) == 0 else { throw BenchmarkError("the last overlay was not removed") }
            source = .overlay(lower: [FilePath(root)], upper: FilePath(upper), work: FilePath(work))
            owned = [FilePath(upper), FilePath(work)]
        }
        let (exit, output) = try await supervisor.run(
            configuration, id: id, root: source, ownedDirectories: owned, outputLimit: outputLimit)
        guard exit.status.isSuccess else { throw BenchmarkError("the container ended with \(exit.status)") }
        return output
    }

    /// The filter that a container of ours really has, read back from the kernel.
    /// - Parameter reader: the program of `Sources/filter`.
    /// - Returns: the file that holds it.
    func filter(reader: String) async throws -> String {
        let file = "\(scratch)/filter"
        let script = "sleep 2; true"
        let group = "containerkit-bench/\(name)/cgroup.procs"
        async let container = report(script)
        var pid = ""
        for _ in 0..<200 where pid.isEmpty {
            try await Task.sleep(for: .milliseconds(10))
            for hierarchy in ["/sys/fs/cgroup/pids/", "/sys/fs/cgroup/"] {
                let text = (try? String(contentsOfFile: hierarchy + group, encoding: .utf8)) ?? ""
                // The last one is the program's child, which exists only after the filter is in place.
                let pids = text.split(separator: "\n")
                if pids.count > 1 { pid = String(pids[pids.count - 1]) }
            }
        }
        guard !pid.isEmpty else { throw BenchmarkError("the container with the filter did not start") }
        _ = try Program.output([reader, pid, file])
        _ = try await container
        return file
    }
}
