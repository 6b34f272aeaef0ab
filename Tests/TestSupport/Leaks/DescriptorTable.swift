import Glibc
import SystemPackage

/// The open descriptors of this process.
enum DescriptorTable {
    static func read() -> Set<Leak> {
        var leaks: Set<Leak> = []
        for name in Files.names(in: "/proc/self/fd") ?? [] {
            // The listing's own descriptor is closed by now and has no link any more.
            guard let target = Files.link(FilePath("/proc/self/fd/\(name)")) else { continue }
            leaks.insert(Leak(.descriptor, "\(name) \(target)"))
        }
        return leaks
    }
}
