import Foundation
import OCIModel

/// An OCI runtime command of the machine: crun or runc. Its users start it for each container, so its start is measured.
struct RuntimeSubject: Subject {
    let name: String
    let program: String
    let bundle: String
    let configuration: (_ command: [String]) -> RuntimeConfiguration
    /// Mounted before and taken away after each run, as containerd does it for its runtimes.
    let overlay: OverlayMount?
    private var number = 0

    init(
        name: String, program: String, bundle: String, overlay: OverlayMount?, configuration: @escaping ([String]) -> RuntimeConfiguration
    ) throws {
        self.overlay = overlay
        self.name = name
        self.program = program
        self.bundle = bundle
        self.configuration = configuration
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try write(["/bin/true"])
    }

    private func write(_ command: [String]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        try encoder.encode(configuration(command)).write(to: URL(fileURLWithPath: bundle + "/config.json"))
    }

    mutating func run() throws -> Double {
        number += 1
        let arguments = [program, "run", "--bundle", bundle, "containerkit-bench-\(getpid())-\(number)"]
        guard let overlay else { return try Program.time(arguments) }
        let start = ContinuousClock.now
        try overlay.mount()
        _ = try Program.time(arguments)
        try overlay.unmount()
        return (ContinuousClock.now - start) / .milliseconds(1)
    }

    mutating func report(_ script: String) throws -> String {
        try write(["/bin/sh", "-c", script])
        defer { try? write(["/bin/true"]) }
        number += 1
        try overlay?.mount()
        defer { try? overlay?.unmount() }
        return try Program.output([program, "run", "--bundle", bundle, "containerkit-bench-\(getpid())-\(number)"])
    }

    func end() {}
}
