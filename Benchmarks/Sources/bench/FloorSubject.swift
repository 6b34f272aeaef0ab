import Foundation

/// The C program of `Sources/floor`, kept running so that its own start is not measured: our engine is warm as well.
struct FloorSubject: Subject {
    let name: String
    private let arguments: [String]
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(name: String = "floor", program: String, arguments: [String]) throws {
        self.name = name
        self.arguments = [program] + arguments
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments + ["--serve"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func run() throws -> Double {
        try input.fileHandleForWriting.write(contentsOf: [0x0a])
        var line: [UInt8] = []
        while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 0x0a { line.append(byte) }
        guard let time = Double(String(decoding: line, as: UTF8.self)) else { throw BenchmarkError("the floor ended") }
        return time / 1_000_000
    }

    func report(_ script: String) throws -> String { try Program.output(arguments + ["--", "/bin/sh", "-c", script]) }

    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
