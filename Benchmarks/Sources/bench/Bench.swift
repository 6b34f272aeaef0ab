import Foundation
import OCIModel

/// Measures our launch against the floor and the peers on this machine. `make bench` runs it; results go to `Results/latest.json`.
///
/// bench --floor <program> --root <directory> --scratch <directory> --output <file> [--runs <n>]
@main
enum Bench {
    static func main() async {
        do { try await measure() } catch {
            FileHandle.standardError.write(Data("bench: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func measure() async throws {
        var options: [String: String] = [:]
        var words = CommandLine.arguments.dropFirst()
        while let name = words.popFirst(), let value = words.popFirst() { options[name] = value }
        guard let floor = options["--floor"], let root = options["--root"], let scratch = options["--scratch"],
            let output = options["--output"]
        else {
            throw BenchmarkError("usage: bench --floor <program> --root <directory> --scratch <directory> --output <file> [--runs <n>]")
        }
        let runs = options["--runs"].flatMap { Int($0) } ?? 200

        func configuration(_ name: String) -> ([String]) -> RuntimeConfiguration {
            { BundleConfiguration.make(root: root, command: $0, cgroup: "/containerkit-bench/\(name)", seccomp: nil) }
        }
        var subjects: [any Subject] = [
            try FloorSubject(
                program: floor,
                arguments: [
                    "--root", root, "--memory", "\(BundleConfiguration.memory)", "--pids", "\(BundleConfiguration.pids)", "--quota",
                    "\(BundleConfiguration.quota)",
                ])
        ]
        for peer in ["crun", "runc"] {
            guard let program = Program.find(peer) else { throw BenchmarkError("\(peer) is not installed; `.ci/install` installs it") }
            subjects.append(
                try RuntimeSubject(name: peer, program: program, bundle: "\(scratch)/\(peer)", configuration: configuration(peer)))
        }
        try await SameConfiguration.check(&subjects)
        let results = try await Measurement.interleaved("run-true", &subjects, runs: runs)
        for index in subjects.indices { await subjects[index].end() }

        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(results).write(to: URL(fileURLWithPath: output))
    }
}
