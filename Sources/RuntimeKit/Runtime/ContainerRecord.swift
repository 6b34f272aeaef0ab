internal import Glibc
internal import JSONCoding
internal import OCIModel
internal import SystemPackage

/// `state.json` of a container: what the specification calls its state, and under `containerkit` what this runtime has to know.
struct ContainerRecord: Decodable {
    var ociVersion = RuntimeConfiguration.specificationVersion
    var id: String
    /// 0 as long as there is no process.
    var pid: Int32
    var bundle: String
    var rootfs: String
    var created: String
    var annotations: [String: String]?
    var containerkit: Details

    struct Details: Decodable {
        /// Of this file's form.
        var format = 1
        /// Field 22 of /proc/<pid>/stat: tells the process from a later one with its number.
        var startTime: UInt64 = 0
        var owner: UInt32
        /// `CLONE_NEW…` of what a further process joins.
        var namespaces: UInt64 = 0
        var cgroups: [Cgroup] = []
    }

    struct Cgroup: Decodable {
        var path: String
        var unified: Bool
        /// Whether it is one that freezes processes; nil in records of versions that did not note it.
        var freezer: Bool?

        var json: JSONValue {
            .object([("path", .string(path)), ("unified", .bool(unified)), ("freezer", .bool(freezer ?? true))])
        }
    }

    var text: String {
        JSONValue.object([
            ("ociVersion", .string(ociVersion)), ("id", .string(id)), ("pid", .integer(Int64(pid))), ("bundle", .string(bundle)),
            ("rootfs", .string(rootfs)), ("created", .string(created)),
            ("annotations", .object((annotations ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            (
                "containerkit",
                .object([
                    ("format", .integer(Int64(containerkit.format))), ("startTime", .unsigned(containerkit.startTime)),
                    ("owner", .unsigned(UInt64(containerkit.owner))), ("namespaces", .unsigned(containerkit.namespaces)),
                    ("cgroups", .array(containerkit.cgroups.map(\.json))),
                ])
            ),
        ]).text()
    }
}

/// The time, as RFC 3339 writes it.
enum Timestamp {
    /// Now, in UTC, with nanoseconds.
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(time)
    }

    static func text(_ time: timespec) -> String {
        // Not gmtime(3), which reads the machine's time zone first.
        let (days, second) = (time.tv_sec / 86400, time.tv_sec % 86400)
        // Years begin in March here, so that a leap day is a year's last; 719468 days are from the year 0 to 1970.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = "\(digits(year, 4))-\(digits(month < 10 ? month + 3 : month - 9, 2))-\(digits(day, 2))"
        let clock = "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))"
        return "\(date)T\(clock).\(digits(time.tv_nsec, 9))Z"
    }
}
