import Glibc
import RuntimeKit

/// `events`.
enum EventsVerb {
    static func run(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(words, verb: "events", switches: ["stats"], valued: ["interval"])
        let id = try Verb.container(arguments, "events")
        if arguments.has("stats") {
            print(try runtime.statistics(id).eventJSON(id))
            return 0
        }
        let interval = try milliseconds(arguments.value("interval") ?? "5s")
        // A tenth of a second is how late an OOM event may be.
        let tick = min(interval, 100)
        var kills = try runtime.statistics(id).outOfMemoryKills ?? 0
        var ticks = 0
        while let statistics = try? runtime.statistics(id) {
            let now = statistics.outOfMemoryKills ?? 0
            if now > kills { print("{\"type\":\"oom\",\"id\":\"\(id)\"}") }
            kills = now
            if ticks % (interval / tick) == 0 { print(statistics.eventJSON(id)) }
            fflush(nil)
            ticks += 1
            usleep(UInt32(tick) * 1000)
        }
        return 0
    }

    /// `5s`, `1m30s`, `250ms`, or plain seconds, at least a millisecond.
    private static func milliseconds(_ text: String) throws -> Int {
        let units = ["ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3, "m": 60e3, "h": 3600e3, "": 1e3]
        var rest = text[...]
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { !($0.isASCII && $0.isNumber) }
            rest = rest[unit.endIndex...]
            guard let number = Double(digits), let factor = units[String(unit)], !unit.isEmpty || digits == text else {
                throw CommandFailure("invalid value \"\(text)\" for flag -interval: it is no duration")
            }
            total += number * factor
        }
        guard total >= 1, total < 1e9 else { throw CommandFailure("duration interval must be greater than 0") }
        return Int(total)
    }
}
