internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Reads `path.N` … `path.1`, `path` as one, while they are written and rotated. Blocks.
struct RotatedFiles: Sendable {
    private let path: FilePath
    private let count: Int
    private var file: SharedDescriptor?
    private var offset: off_t = 0

    init(_ path: FilePath, count: Int) {
        self.path = path
        self.count = count
    }

    private static let chunk = 256 * 1024

    /// - Returns: empty when there is nothing now.
    mutating func read() throws(ContainerError) -> [UInt8] {
        while true {
            if file == nil {
                guard let first = names.reversed().lazy.compactMap(Self.open).first else { return [] }
                file = first
                offset = 0
            }
            guard let current = file else { return [] }
            if let bytes = try next(current) { return bytes }
            // What was written between the end and the rotation comes first.
            guard let newest = Self.open(path), !Self.isSame(newest, current) else { return [] }
            if let bytes = try next(current) { return bytes }
            file = successor(of: current) ?? newest
            offset = 0
        }
    }

    private mutating func next(_ file: SharedDescriptor) throws(ContainerError) -> [UInt8]? {
        var result = 0
        let offset = offset
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, count in
            result = pread(file.rawValue, buffer.baseAddress, Self.chunk, offset)
            count = max(0, result)
        }
        if result < 0 { throw .storage(Errno(rawValue: errno), path) }
        self.offset += result
        return result == 0 ? nil : bytes
    }

    /// The newest first.
    private var names: [FilePath] { [path] + (1..<max(2, count)).map { FilePath("\(path).\($0)") } }

    private func successor(of file: SharedDescriptor) -> SharedDescriptor? {
        let opened = names.map(Self.open)
        for (index, candidate) in opened.enumerated() where index > 0 {
            if let candidate, Self.isSame(candidate, file) { return opened[index - 1] }
        }
        // Rotated out: the oldest there is.
        return opened.last { $0 != nil } ?? nil
    }

    private static func open(_ path: FilePath) -> SharedDescriptor? {
        guard let file = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW) else { return nil }
        return SharedDescriptor(file)
    }

    private static func isSame(_ one: SharedDescriptor, _ other: SharedDescriptor) -> Bool {
        var first = stat()
        var second = stat()
        return fstat(one.rawValue, &first) == 0 && fstat(other.rawValue, &second) == 0 && first.st_ino == second.st_ino
            && first.st_dev == second.st_dev
    }
}
