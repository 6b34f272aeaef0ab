internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension LayerStore {
    /// Names in a directory, without `.` and `..`.
    static func listing(_ directory: CInt) throws(Errno) -> [String] {
        let copy = openat(directory, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC)
        if copy < 0 { throw Errno(rawValue: errno) }
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw .ioError
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a tree by raw names, following no link. Something that is gone already is as good.
    static func removeTree(_ name: String, at directory: CInt) throws(Errno) {
        let result = removeTree(name.utf8CString.withUnsafeBufferPointer { Array($0) }, at: directory)
        if result < 0 && result != -Int(ENOENT) { throw Errno(rawValue: CInt(-result)) }
    }

    private static func removeTree(_ name: [CChar], at directory: CInt) -> Int {
        if unlinkat(directory, name, 0) == 0 { return 0 }
        guard errno == EISDIR || errno == EPERM else { return -Int(errno) }
        let inner = openat(directory, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC)
        if inner < 0 { return -Int(errno) }
        guard let stream = fdopendir(inner) else {
            close(inner)
            return -Int(ENOMEM)
        }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { $0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0] }
            if name != [0x2e, 0] && name != [0x2e, 0x2e, 0] { names.append(name) }
        }
        var failure = 0
        for name in names {
            let result = removeTree(name, at: dirfd(stream))
            if result < 0 && result != -Int(ENOENT) { failure = result }
        }
        closedir(stream)
        if failure < 0 { return failure }
        return unlinkat(directory, name, AT_REMOVEDIR) == 0 ? 0 : -Int(errno)
    }
}
