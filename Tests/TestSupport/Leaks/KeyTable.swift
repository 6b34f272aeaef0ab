import SystemPackage

/// The keys and keyrings that this user can see (keyrings(7)).
enum KeyTable {
    static func read(isExclusive: Bool) -> Set<Leak> {
        let text = (try? Files.text("/proc/keys")) ?? ""
        var leaks: Set<Leak> = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 8, omittingEmptySubsequences: true)
            guard fields.count == 9 else { continue }
            let description = fields[8].drop { $0 == " " }.split(separator: ":").first.map(String.init) ?? ""
            // A key that expired or was revoked waits for the kernel's collector and holds nothing.
            if fields[1].contains("R") || fields[1].contains("D") || fields[1].contains("i") { continue }
            // The kernel collects the keyring of a dead spawner when it likes: counted only when asked to.
            if isExclusive || description.hasPrefix("ck") {
                leaks.insert(Leak(.key, "\(fields[0]) \(fields[7]) \(description)"))
            }
        }
        return leaks
    }
}
