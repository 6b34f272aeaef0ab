import Glibc
import SystemPackage

/// The keys and keyrings that this user can see (keyrings(7)): those named `ck…` are ours, others' count as the machine's.
/// The name of a spawner's holds the process id of its host, so another program's spawner is told apart from ours.
enum KeyTable {
    static func read() -> Set<Leak> {
        let text = (try? Files.text("/proc/keys")) ?? ""
        var leaks: Set<Leak> = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: true)
            guard fields.count == 9 else { continue }
            let description = fields[8].drop { $0 == " " }
            // A key that expired or was revoked waits for the kernel's collector and holds nothing.
            if fields[1].contains("R") || fields[1].contains("D") || fields[1].contains("i") { continue }
            // "ck-spawner:<process id of the host>:<random>"; the name is followed by what the key holds.
            let parts = description.split(separator: ":")
            let isSpawner = parts.first == "ck-spawner" && parts.count > 2
            let isOurs = isSpawner ? parts[1] == "\(getpid())" : description.hasPrefix("ck")
            let name = isSpawner ? parts.prefix(3).joined(separator: ":") : parts.first.map(String.init) ?? ""
            leaks.insert(Leak(.key, "\(fields[0]) \(fields[7]) \(name)", isMachineWide: !isOurs))
        }
        return leaks
    }
}
