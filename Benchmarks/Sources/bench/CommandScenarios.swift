import Foundation
import OCIModel

/// OCI runtime commands side by side: each is started as its users start it, over the same config.json.
struct CommandScenarios {
    let ckrun: String
    let root: String
    let scratch: String
    let runs: Int

    private var programs: [(name: String, path: String)] {
        get throws {
            [("ckrun", ckrun)]
                + (try ["crun", "runc"].map { name in
                    guard let path = Program.find(name) else { throw BenchmarkError("\(name) is not installed; `.ci/install` installs it") }
                    return (name, path)
                })
        }
    }

    func measure() async throws -> [Measurement] {
        var results: [Measurement] = []
        for scenario in [Scenario(name: "command-run-true"), Scenario(name: "command-run-true-seccomp", hasFilter: true)] {
            var subjects: [any Subject] = try subjects(scenario)
            try await SameConfiguration.check(&subjects)
            results += try await Measurement.interleaved(scenario.name, &subjects, runs: runs)
            if scenario.hasFilter {
                var cold: [any Subject] = try self.subjects(scenario).map { ColdSubject(subject: $0) }
                results += try await Measurement.interleaved(scenario.name + "-cold", &cold, runs: max(runs / 4, 5), warmUp: 1)
            } else {
                results += try calls(try self.subjects(scenario))
            }
        }
        var subjects: [any Subject] = try programs.map {
            try ExecSubject(name: $0.name, program: $0.path, bundle: bundle("exec", $0.name), root: root)
        }
        for index in subjects.indices { _ = try await subjects[index].report("true") }
        results += try await Measurement.interleaved("command-exec-true", &subjects, runs: runs)
        for index in subjects.indices { await subjects[index].end() }
        return results
    }

    private func bundle(_ scenario: String, _ name: String) -> String { "\(scratch)/\(scenario)/\(name)-command" }

    private func subjects(_ scenario: Scenario) throws -> [RuntimeSubject] {
        try programs.map { name, path in
            try RuntimeSubject(name: name, program: path, bundle: bundle(scenario.name, name), overlay: nil) {
                scenario.configuration(root: root, command: $0, subject: "command-" + name)
            }
        }
    }

    /// System calls of one run and of everything that it starts.
    private func calls(_ subjects: [RuntimeSubject]) throws -> [Measurement] {
        guard let strace = Program.find("strace") else { throw BenchmarkError("strace is not installed; `.ci/install` installs it") }
        return try subjects.map { subject in
            let counts: [Double] = try (0..<5).map { number in
                let file = "\(scratch)/calls"
                let id = "containerkit-bench-calls-\(getpid())-\(number)"
                _ = try Program.time([strace, "-f", "-qq", "-o", file, subject.program, "run", "--bundle", subject.bundle, id])
                let text = try String(contentsOfFile: file, encoding: .utf8)
                // A call that another one interrupts in the trace has a second line, which says so.
                return Double(text.split(separator: "\n").count { !$0.contains(" resumed>") && !$0.contains("+++") && !$0.contains("---") })
            }
            return Measurement(scenario: "command-syscalls", subject: subject.name, unit: "calls", values: counts)
        }
    }
}

/// A runtime whose compiled filters are taken away before each run.
struct ColdSubject: Subject {
    var subject: RuntimeSubject
    var name: String { subject.name }

    mutating func run() throws -> Double {
        for cache in ["/run/ckrun/.seccomp", "/run/crun/.cache"] { try? FileManager.default.removeItem(atPath: cache) }
        return try subject.run()
    }

    mutating func report(_ script: String) throws -> String { try subject.report(script) }
    func end() {}
}

/// `exec` of a runtime command in a container that stays.
struct ExecSubject: Subject {
    let name: String
    private let program: String
    private let id: String

    init(name: String, program: String, bundle: String, root: String) throws {
        self.name = name
        self.program = program
        id = "containerkit-bench-exec-\(getpid())-\(name)"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        let configuration = Scenario(name: "exec").configuration(
            root: root, command: ["/bin/sleep", "100000"], subject: "command-exec-" + name)
        try JSONEncoder().encode(configuration).write(to: URL(fileURLWithPath: bundle + "/config.json"))
        _ = try Program.time([program, "run", "--detach", "--bundle", bundle, id])
    }

    func run() throws -> Double { try Program.time([program, "exec", id, "/bin/true"]) }

    func report(_ script: String) throws -> String { try Program.output([program, "exec", id, "/bin/sh", "-c", script]) }

    func end() { _ = try? Program.time([program, "delete", "--force", id]) }
}
