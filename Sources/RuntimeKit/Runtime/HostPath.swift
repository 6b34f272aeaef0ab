internal import Glibc
internal import SystemPackage

/// Paths of the host, as a command gets them.
enum HostPath {
    /// The path from the root on, without a look at the file system.
    static func absolute(_ path: FilePath) throws(RuntimeError) -> FilePath {
        if path.isAbsolute { return path.lexicallyNormalized() }
        guard let directory = getcwd(nil, 0) else {
            throw RuntimeError(.processSetupFailed, .path(path), "the working directory is unreachable", errno: Errno(rawValue: errno))
        }
        defer { free(directory) }
        return FilePath(String(cString: directory)).pushing(path).lexicallyNormalized()
    }

    /// The path without links.
    static func real(_ path: FilePath, field: String) throws(RuntimeError) -> FilePath {
        guard let real = realpath(path.string, nil) else {
            throw RuntimeError(.invalidField, .field(field), "\(path) cannot be found", errno: Errno(rawValue: errno))
        }
        defer { free(real) }
        return FilePath(String(cString: real))
    }
}
