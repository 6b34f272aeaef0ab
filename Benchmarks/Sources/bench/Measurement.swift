/// A row of the results.
struct Measurement: Codable {
    var scenario: String
    var subject: String
    var unit: String
    var p50: Double
    var p99: Double
    var runs: Int

    init(scenario: String, subject: String, unit: String = "ms", values: [Double]) {
        let sorted = values.sorted()
        self.scenario = scenario
        self.subject = subject
        self.unit = unit
        p50 = Self.quantile(0.5, of: sorted)
        p99 = Self.quantile(0.99, of: sorted)
        runs = values.count
    }

    /// The smallest value that at least this part of all values does not exceed.
    private static func quantile(_ part: Double, of sorted: [Double]) -> Double {
        sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, max(0, Int((part * Double(sorted.count)).rounded(.up)) - 1))]
    }

    /// Runs the subjects in turns, so that what the machine does meanwhile hits all of them alike.
    static func interleaved(_ scenario: String, _ subjects: inout [any Subject], runs: Int, warmUp: Int = 5) async throws -> [Measurement] {
        var values = [[Double]](repeating: [], count: subjects.count)
        for run in 0..<(runs + warmUp) {
            for index in subjects.indices {
                let time = try await subjects[index].run()
                if run >= warmUp { values[index].append(time) }
            }
        }
        return zip(subjects, values).map { .init(scenario: scenario, subject: $0.name, values: $1) }
    }
}
