/// Paths inside a container, as the configuration gives them.
enum ContainerPath {
    /// The path without doubled slashes and `.`; links in it are the kernel's to follow, inside the root.
    /// - Throws: `RuntimeError.Code.invalidField` when it is relative, holds `..` or NUL, or is longer than the kernel takes.
    static func checked(_ path: String, field: String) throws(RuntimeError) -> String {
        guard path.hasPrefix("/") else { throw .invalid(field, "\"\(path)\" is not an absolute path") }
        if path.utf8.contains(0) { throw .invalid(field, "holds a NUL") }
        // PATH_MAX of linux/limits.h, with the NUL.
        if path.utf8.count > 4095 { throw .invalid(field, "is longer than 4,095 bytes") }
        let parts = path.split(separator: "/").filter { $0 != "." }
        if parts.contains("..") { throw .invalid(field, "\(path) holds `..`") }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether `path` lies below `directory`.
    static func isBelow(_ path: String, _ directory: String) -> Bool {
        directory == "/" ? path != "/" : path.hasPrefix(directory + "/")
    }

    static func parent(_ path: String) -> String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }
}
