import Glibc
import SystemPackage

/// Everything below a directory. Symbolic links are not followed.
enum FileTree {
    static func read(_ root: FilePath) -> [Leak] {
        (Files.names(in: root) ?? []).flatMap { name -> [Leak] in
            let path = root.appending(name)
            var status = stat()
            guard lstat(path.string, &status) == 0 else { return [] }
            let own = Leak(.file, path.string)
            return status.st_mode & S_IFMT == S_IFDIR ? [own] + read(path) : [own]
        }
    }
}
