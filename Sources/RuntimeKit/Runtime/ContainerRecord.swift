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
                    (
                        "cgroups",
                        .array(containerkit.cgroups.map { .object([("path", .string($0.path)), ("unified", .bool($0.unified))]) })
                    ),
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
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
        let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
        return "\(date)T\(clock).\(digits(time.tv_nsec, 9))Z"
    }
}
