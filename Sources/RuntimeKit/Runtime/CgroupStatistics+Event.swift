internal import JSONCoding
public import OCIModel

extension CgroupStatistics {
    /// One event of type `stats`, as runc's `events --stats` prints it: nanoseconds and bytes.
    public func eventJSON(_ id: ContainerID) -> String {
        func number(_ value: UInt64?, times: UInt64 = 1) -> JSONValue { .unsigned((value ?? 0) &* times) }
        let memory: [(String, JSONValue)] = [
            ("limit", number(memoryLimitBytes ?? UInt64.max)), ("usage", number(memoryBytes)), ("max", number(memoryPeakBytes)),
            ("failcnt", .unsigned(0)),
        ]
        return JSONValue.object([
            ("type", .string("stats")), ("id", .string(id.description)),
            (
                "data",
                .object([
                    (
                        "cpu",
                        .object([
                            (
                                "usage",
                                .object([
                                    ("total", number(cpuMicroseconds, times: 1000)), ("percpu", .array([])),
                                    ("kernel", number(systemMicroseconds, times: 1000)), ("user", number(userMicroseconds, times: 1000)),
                                ])
                            ), ("throttling", .object([("throttledPeriods", number(throttledPeriods))])),
                        ])
                    ),
                    ("memory", .object([("usage", .object(memory)), ("raw", .object([("oom_kill", number(outOfMemoryKills))]))])),
                    ("pids", .object([("current", number(tasks)), ("limit", number(taskLimit))])),
                    ("blkio", .object([("readBytes", number(readBytes)), ("writtenBytes", number(writtenBytes))])),
                    ("hugetlb", .object([])), ("intel_rdt", .object([])), ("network_interfaces", .null),
                ])
            ),
        ]).text()
    }
}
