import CLinux
import Glibc
import SystemPackage

/// The namespaces that something of ours keeps: a process, a thread of this process, a descriptor, a socket, a mount.
enum NamespaceTable {
    static func read(processes: [ProcessEntry], mounts: [MountLine]) -> Set<Leak> {
        var found: Set<String> = []
        for process in processes where process.state != "Z" { found.formUnion(links(in: "/proc/\(process.pid)/ns")) }
        for thread in Files.names(in: "/proc/self/task") ?? [] { found.formUnion(links(in: "/proc/self/task/\(thread)/ns")) }
        for mount in mounts where mount.type == "nsfs" { found.insert(mount.root) }
        for name in Files.names(in: "/proc/self/fd") ?? [] {
            guard let descriptor = Int32(name), let target = Files.link(FilePath("/proc/self/fd/\(name)")) else { continue }
            if target.hasSuffix("]"), kinds.contains(where: { target.hasPrefix("\($0):[") }) { found.insert(target) }
            if target.hasPrefix("socket:[") { found.formUnion(networkNamespace(ofSocket: descriptor)) }
        }
        return Set(found.map { Leak(.namespace, $0) })
    }

    private static let kinds = ["mnt", "net", "pid", "ipc", "uts", "user", "cgroup", "time"]

    private static func links(in directory: String) -> [String] {
        (Files.names(in: FilePath(directory)) ?? []).compactMap { Files.link(FilePath("\(directory)/\($0)")) }
    }

    /// A socket keeps the network namespace it was made in (SIOCGSKNS).
    private static func networkNamespace(ofSocket descriptor: Int32) -> [String] {
        let namespace = Int32(ck_ioctl(descriptor, UInt(getNamespaceOfSocket), 0))
        guard namespace >= 0 else { return [] }
        defer { close(namespace) }
        return Files.link(FilePath("/proc/self/fd/\(namespace)")).map { [$0] } ?? []
    }

    private static let getNamespaceOfSocket = 0x894C
}
