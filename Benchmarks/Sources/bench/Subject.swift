/// Something that can run the container of the benchmark.
protocol Subject {
    /// As it stands in the results.
    var name: String { get }
    /// One run, from before the first effect until everything is removed.
    /// - Returns: Milliseconds.
    mutating func run() async throws -> Double
    /// What a command in the container prints, to compare configurations.
    mutating func report(_ script: String) async throws -> String
    mutating func end() async
}

struct BenchmarkError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
