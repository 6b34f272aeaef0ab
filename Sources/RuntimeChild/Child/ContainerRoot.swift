internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The root of the container's mount tree, and every walk in it. Paths are the image's and so hostile: the kernel
/// resolves each in one step and inside the root, and what is done next is done to the descriptor.
struct ContainerRoot: ~Copyable {
    private let directory: OwnedDescriptor
    /// The directory used last: /dev gets a dozen entries in a row.
    private var cached: SharedDescriptor?
    private var cachedPath = ""

    /// - Parameter directory: opened with O_PATH, or a mount of fsmount(2) or open_tree(2).
    init(_ directory: consuming OwnedDescriptor) { self.directory = directory }

    var rawValue: CInt { directory.rawValue }

    func open(_ path: String, flags: CInt) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, at: directory, flags: flags, resolve: .hostile)
    }

    /// What is at `path`; nil when there is nothing, or no way to it.
    func find(_ path: String) throws(Errno) -> OwnedDescriptor? {
        do throws(Errno) { return try open(path, flags: O_PATH) } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw error
        }
    }

    /// What is at `path`, made when missing: directories on the way with mode 0755, the last an empty file unless
    /// `isDirectory`. A symbolic link that points to nothing is followed, and its target made, inside the root.
    func ensure(_ path: String, isDirectory: Bool, mode: UInt32 = 0o755, depth: Int = 0) throws(Errno) -> OwnedDescriptor {
        do throws(Errno) { return try open(path, flags: O_PATH) } catch {
            if error != .noSuchFileOrDirectory { throw error }
        }
        guard depth < 40 else { throw .tooManySymbolicLinkLevels }
        let (parentPath, name) = Self.split(path)
        guard !name.isEmpty else { throw .noSuchFileOrDirectory }
        let parent = try ensure(parentPath, isDirectory: true, depth: depth + 1)
        let result =
            unsafe isDirectory
            ? ck_mkdirat(parent.rawValue, name, mode)
            : ck_mknodat(parent.rawValue, name, UInt32(S_IFREG) | 0o644, 0)
        if result == -Int(EEXIST), let target = Self.readLink(name, in: parent.rawValue) {
            let followed = target.hasPrefix("/") ? target : parentPath + "/" + target
            return try ensure(followed, isDirectory: isDirectory, mode: mode, depth: depth + 1)
        }
        if result != -Int(EEXIST) { try check(result) }
        return try open(path, flags: O_PATH)
    }

    /// The directory that holds `path`, made when missing, and the last component.
    mutating func parent(of path: String) throws(Errno) -> (directory: CInt, name: String) {
        let (parent, name) = Self.split(path)
        guard !name.isEmpty, name != "..", name != "." else { throw .invalidArgument }
        if let cached, cachedPath == parent { return (cached.rawValue, name) }
        let directory = SharedDescriptor(try ensure(parent, isDirectory: true))
        cached = directory
        cachedPath = parent
        return (directory.rawValue, name)
    }

    /// After a mount a path may mean another directory.
    mutating func forgetDirectories() { cached = nil }

    static func split(_ path: String) -> (parent: String, name: String) {
        var bytes = path.utf8[...]
        while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return ("/", String(Substring(bytes))) }
        let parent = bytes[..<slash]
        return (parent.isEmpty ? "/" : String(Substring(parent)), String(Substring(bytes[bytes.index(after: slash)...])))
    }

    static func readLink(_ name: String, in directory: CInt) -> String? {
        var count = 0
        let target = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, size in
            count = unsafe buffer.withMemoryRebound(to: CChar.self) { buffer in
                unsafe ck_readlinkat(directory, name, buffer.baseAddress, buffer.count)
            }
            size = max(count, 0)
        }
        return count > 0 ? String(decoding: target, as: UTF8.self) : nil
    }
}

extension stat {
    /// The file's type: S_IFDIR and so on.
    var format: UInt32 { UInt32(st_mode) & UInt32(S_IFMT) }
}
