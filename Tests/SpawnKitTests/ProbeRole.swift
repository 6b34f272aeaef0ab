import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A role that looks around in a fork of the spawner and writes what it sees to its first descriptor.
@c(containerkit_role_probe)
public func probeRole(_ request: UnsafePointer<UInt8>?, _ size: Int, _ descriptors: UnsafePointer<CInt>?, _ count: CInt) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: request, count: size), as: UTF8.self)
    if text == "die" {
        kill(getpid(), SIGKILL)
        return 1
    }
    if text.hasPrefix("exit ") { return CInt(text.dropFirst(5)) ?? 1 }
    guard let descriptors, count > 0 else { return 2 }
    let output = OwnedDescriptor(descriptors[0])
    if text == "size" {
        try? output.write("\(size)")
    } else if text.hasPrefix("sum ") {
        try? output.write("\(size) \(UnsafeBufferPointer(start: request, count: size).reduce(UInt64(0)) { $0 &+ UInt64($1) })")
    } else if text == "descriptors" {
        try? output.write(openDescriptors().joined(separator: "\n"))
    } else if text.hasPrefix("/") {
        guard let content = try? OwnedDescriptor.open(text, flags: O_RDONLY).readAll(limit: 1 << 20) else { return 3 }
        content.withUnsafeBytes { try? output.writeAll($0) }
    }
    return 0
}

/// Number and target of each open descriptor, the one that lists them aside.
private func openDescriptors() -> [String] {
    guard let directory = opendir("/proc/self/fd") else { return [] }
    defer { closedir(directory) }
    var lines: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard let number = CInt(name), number != dirfd(directory) else { continue }
        var buffer = [CChar](repeating: 0, count: 512)
        readlink("/proc/self/fd/\(name)", &buffer, buffer.count - 1)
        lines.append("\(number) \(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))")
    }
    return lines.sorted()
}
