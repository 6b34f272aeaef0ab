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
        let interval = try seconds(arguments.value("interval") ?? "5s")
        var kills = try runtime.statistics(id).outOfMemoryKills ?? 0
        var ticks = 0
        // A tenth of a second is how late an OOM event may be.
        while let statistics = try? runtime.statistics(id) {
            let now = statistics.outOfMemoryKills ?? 0
            if now > kills { print("{\"type\":\"oom\",\"id\":\"\(id)\"}") }
            kills = now
            if ticks % (interval * 10) == 0 { print(statistics.eventJSON(id)) }
            fflush(nil)
            ticks += 1
            usleep(100_000)
        }
        return 0
    }

    /// `5s`, `1m`, or plain seconds.
    private static func seconds(_ text: String) throws -> Int {
        let unit = text.hasSuffix("m") ? 60 : 1
        let digits = text.hasSuffix("m") || text.hasSuffix("s") ? String(text.dropLast()) : text
        let number = try Arguments.number(digits, Int.self, "interval") * unit
        guard number > 0 else { throw CommandFailure("duration interval must be greater than 0") }
        return number
    }
}
