/// Proof that the subjects ran the same container: a script inside prints what it sees, and the answers have to be equal.
enum SameConfiguration {
    /// Prints identity, privileges, limits and mounts in a form that does not depend on numbers the kernel hands out.
    static let script = """
        echo "pid $$"; hostname; id
        grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
        grep 'open files' /proc/self/limits
        sed 's/.*://' /proc/self/cgroup | sort -u
        awk '$3 == "cgroup" {next} $2 ~ "^/proc/" && $3 != "proc" {print $2, "masked"; next} {print $2, $3, substr($4, 1, 2)}' \
            /proc/mounts | sort -u
        ls /dev | grep -v '^core$'; ls /sys/class/net
        for device in 'b 7 0' 'c 1 11' 'c 10 237'; do
            mknod /dev/trial $device && { (: < /dev/trial) 2> /dev/null && echo "$device opens" || echo "$device is refused"; rm /dev/trial; }
        done
        """

    /// - Throws: Where an answer differs from the first one, with the lines that do.
    static func check(_ subjects: inout [any Subject]) async throws {
        var first: (name: String, lines: [String])?
        for index in subjects.indices {
            let lines = try await subjects[index].report(script).split(separator: "\n").map(String.init)
            guard let reference = first else {
                first = (subjects[index].name, lines)
                continue
            }
            let difference = lines.difference(from: reference.lines)
            if !difference.isEmpty {
                let changes = difference.map { change in
                    switch change {
                    case .insert(_, let line, _): "  \(subjects[index].name) only: \(line)"
                    case .remove(_, let line, _): "  \(reference.name) only: \(line)"
                    }
                }
                throw BenchmarkError("not the same configuration:\n" + changes.joined(separator: "\n"))
            }
        }
    }
}
