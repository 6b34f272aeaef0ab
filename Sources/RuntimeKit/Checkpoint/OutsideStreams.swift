internal import Glibc
internal import JSONCoding
internal import LinuxSystem
internal import SystemPackage

/// The standard streams of a container that come from outside: criu gets their names when it writes, and descriptors of the caller in
/// their place when it restores. They are kept in a file beside the images, `descriptors.json`: a list of three texts, empty for a
/// stream that criu finds by itself. See: man 8 criu, "--external" and "--inherit-fd".
struct OutsideStreams {
    private static let file = "descriptors.json"

    /// Of descriptors 0 to 2.
    private var names: [String]

    /// Those of a process.
    init(of pid: Int32) {
        let mounts = Set(
            (HostFile.trimmed("/proc/\(pid)/mountinfo") ?? "").split(separator: "\n").compactMap { $0.split(separator: " ").first })
        names = (0...2).map { number in
            let link = HostFile.link("/proc/\(pid)/fd/\(number)") ?? ""
            if link.hasPrefix("pipe:") { return link }
            return Self.file(pid, number, notOn: mounts) ?? ""
        }
    }

    /// Those that were written.
    init(from images: SharedDescriptor) {
        let bytes = (try? OwnedDescriptor.open(Self.path(images), flags: O_RDONLY).readAll(limit: 1 << 16)) ?? []
        names = (try? JSONReader.decode([String].self, from: bytes)) ?? []
    }

    func write(to images: SharedDescriptor) throws(RuntimeError) {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(Self.path(images), flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try file.write(Array(JSONValue.array(names.map { .string($0) }).text().utf8))
        } catch { throw RuntimeError(.checkpointFailed, .path(FilePath(Self.file)), "cannot be written", errno: error) }
    }

    /// What criu would look for in the container in vain. Pipes it knows.
    var files: [String] { names.filter { $0.hasPrefix("file[") } }

    /// What is inherited in place of what: of two streams with one name the first.
    var inherited: [(name: String, descriptor: Int32)] {
        names.prefix(3).enumerated().compactMap { index, name in
            guard name.hasPrefix("file[") || name.hasPrefix("pipe:"), names.firstIndex(of: name) == index else { return nil }
            return (name, Int32(index))
        }
    }

    private static func path(_ images: SharedDescriptor) -> String { "/proc/self/fd/\(images.rawValue)/\(file)" }

    /// `file[mount:inode]` of a file or device of the host; terminals are criu's own affair.
    private static func file(_ pid: Int32, _ number: Int, notOn mounts: Set<Substring>) -> String? {
        var status = stat()
        guard stat("/proc/\(pid)/fd/\(number)", &status) == 0 else { return nil }
        let format = UInt32(status.st_mode) & UInt32(S_IFMT)
        let isTerminal = (136...143).contains(status.st_rdev >> 8 & 0xfff)
        guard format == UInt32(S_IFREG) || (format == UInt32(S_IFCHR) && !isTerminal),
            let lines = HostFile.trimmed("/proc/\(pid)/fdinfo/\(number)")?.split(separator: "\n"),
            let mount = lines.first(where: { $0.hasPrefix("mnt_id:") })?.split(whereSeparator: \.isWhitespace).last,
            !mounts.contains(mount), let id = UInt32(mount)
        else { return nil }
        return "file[\(String(id, radix: 16)):\(String(status.st_ino, radix: 16))]"
    }
}
