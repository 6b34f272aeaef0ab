import Foundation
import OCIModel
import ShimKit
import SystemPackage

/// Measures our launch against the floor and the peers on this machine. `make bench` runs it; results go to `Results/latest.json`.
///
/// bench --only-ours --root <directory> --scratch <directory> --runs <n> [--scenario <name>]
/// bench --floor <program> --filter <program> --root <directory> --scratch <directory> --output <file> [--runs <n>]
///       [--ckrun <program> [--only-commands yes]]
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
        let onlyOurs = words.first == "--only-ours"
        if onlyOurs { words = words.dropFirst() }
        while let name = words.popFirst(), let value = words.popFirst() { options[name] = value }
        if onlyOurs { return try await runOurs(options) }
        guard let floor = options["--floor"], let root = options["--root"], let scratch = options["--scratch"],
            let output = options["--output"]
        else {
            throw BenchmarkError("usage: bench --floor <program> --root <directory> --scratch <directory> --output <file> [--runs <n>]")
        }
        let runs = options["--runs"].flatMap { Int($0) } ?? 200
        let commands = try await options["--ckrun"].map { CommandScenarios(ckrun: $0, root: root, scratch: scratch, runs: runs) }?.measure()
        if options["--only-commands"] != nil { return try write(commands ?? [], to: output) }

        let supervisor = try await ContainerSupervisor(directory: FilePath(scratch + "/run"))
        var results: [Measurement] = []
        for scenario in Scenario.all {
            let directory = "\(scratch)/\(scenario.name)"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let ours = SupervisedSubject(supervisor: supervisor, scenario: scenario, root: root, scratch: directory)
            var limits = [
                "--root", root, "--memory", "\(BundleConfiguration.memory)", "--pids", "\(BundleConfiguration.pids)", "--quota",
                "\(BundleConfiguration.quota)",
            ]
            if scenario.hasOverlay { limits += ["--overlay", directory] }
            if scenario.hasFilter {
                guard let reader = options["--filter"] else { throw BenchmarkError("--filter is missing") }
                limits += ["--filter", try await ours.filter(reader: reader)]
            }
            var subjects: [any Subject] = [try FloorSubject(program: floor, arguments: limits), ours]
            for peer in ["crun", "runc"] {
                guard let program = Program.find(peer) else { throw BenchmarkError("\(peer) is not installed; `.ci/install` installs it") }
                let overlay = scenario.hasOverlay ? OverlayMount(lower: root, directory: "\(directory)/\(peer)-overlay") : nil
                subjects.append(
                    try RuntimeSubject(name: peer, program: program, bundle: "\(directory)/\(peer)", overlay: overlay) {
                        scenario.configuration(root: overlay?.target ?? root, command: $0, subject: peer)
                    })
            }
            try await SameConfiguration.check(&subjects)
            results += try await Measurement.interleaved(scenario.name, &subjects, runs: runs)
            for index in subjects.indices { await subjects[index].end() }
        }
        await supervisor.shutdown()
        try write(results + (commands ?? []), to: output)
    }

    private static func write(_ results: [Measurement], to output: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(results).write(to: URL(fileURLWithPath: output))
    }

    /// For strace(1): nothing but launches of ours.
    private static func runOurs(_ options: [String: String]) async throws {
        guard let root = options["--root"], let scratch = options["--scratch"] else {
            throw BenchmarkError("--root or --scratch is missing")
        }
        let supervisor = try await ContainerSupervisor(directory: FilePath(scratch + "/run"))
        let name = options["--scenario"] ?? Scenario.all[0].name
        guard let scenario = Scenario.all.first(where: { $0.name == name }) else { throw BenchmarkError("no scenario \(name)") }
        let subject = SupervisedSubject(supervisor: supervisor, scenario: scenario, root: root, scratch: scratch)
        for _ in 0..<(options["--runs"].flatMap { Int($0) } ?? 1) { _ = try await subject.run() }
        await supervisor.shutdown()
    }
}
