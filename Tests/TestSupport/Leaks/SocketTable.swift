import SystemPackage

/// Path sockets in our directories, and what processes of ours listen on. The sockets of this process are its descriptors.
enum SocketTable {
    static func read(roots: [FilePath], processes: [ProcessEntry]) -> Set<Leak> {
        var leaks: Set<Leak> = []
        for line in ((try? Files.text("/proc/net/unix")) ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ", maxSplits: 7, omittingEmptySubsequences: true)
            guard fields.count == 8 else { continue }
            let path = String(fields[7])
            if path.contains("containerkit") || roots.contains(where: { path.hasPrefix($0.string) }) {
                leaks.insert(Leak(.socket, "unix \(fields[6]) \(path)"))
            }
        }
        var held: Set<String> = []
        for process in processes {
            for name in Files.names(in: FilePath("/proc/\(process.pid)/fd")) ?? [] {
                if let target = Files.link(FilePath("/proc/\(process.pid)/fd/\(name)")), target.hasPrefix("socket:[") {
                    held.insert(String(target.dropFirst(8).dropLast()))
                }
            }
        }
        for table in ["tcp", "tcp6"] {
            for line in ((try? Files.text(FilePath("/proc/net/\(table)"))) ?? "").split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ", omittingEmptySubsequences: true)
                guard fields.count > 9, fields[3] == "0A", held.contains(String(fields[9])) else { continue }
                leaks.insert(Leak(.socket, "\(table) listening on \(fields[1]), inode \(fields[9])"))
            }
        }
        return leaks
    }
}
