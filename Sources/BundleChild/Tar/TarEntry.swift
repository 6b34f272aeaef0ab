internal import CArchive
internal import CLinux

/// What the writer needs of an entry, copied out of libarchive.
struct TarEntry {
    enum Kind {
        case file
        case directory
        case symbolicLink(target: [UInt8])
        case hardLink(target: [UInt8])
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case fifo
        case other
    }

    var name: [UInt8]
    var kind: Kind
    var size: Int64
    var attributes: Attributes

    /// A directory that no archive names.
    init(directory name: [UInt8]) {
        self.name = name
        kind = .directory
        size = 0
        attributes = Attributes()
    }

    init(_ entry: OpaquePointer) {
        unsafe name = Self.bytes(archive_entry_pathname(entry))
        unsafe size = archive_entry_size(entry)
        if let target = unsafe archive_entry_hardlink(entry) {
            kind = unsafe .hardLink(target: Self.bytes(target))
        } else {
            let type = unsafe UInt32(archive_entry_filetype(entry))
            switch type {
            case FileType.regular: kind = .file
            case FileType.directory: kind = .directory
            case FileType.symbolicLink: kind = unsafe .symbolicLink(target: Self.bytes(archive_entry_symlink(entry)))
            case FileType.characterDevice:
                kind = unsafe .characterDevice(
                    major: UInt32(clamping: archive_entry_rdevmajor(entry)),
                    minor: UInt32(clamping: archive_entry_rdevminor(entry)))
            case FileType.blockDevice:
                kind = unsafe .blockDevice(
                    major: UInt32(clamping: archive_entry_rdevmajor(entry)),
                    minor: UInt32(clamping: archive_entry_rdevminor(entry)))
            case FileType.fifo: kind = .fifo
            default: kind = .other
            }
        }
        attributes = Attributes()
        // 32-bit ids: -1 would mean "leave it" to chown(2), so it is refused by the writer.
        unsafe attributes.owner = archive_entry_uid(entry)
        unsafe attributes.group = archive_entry_gid(entry)
        unsafe attributes.mode = UInt32(archive_entry_perm(entry)) & 0o7777
        unsafe attributes.seconds = archive_entry_mtime(entry)
        unsafe attributes.nanoseconds = archive_entry_mtime_nsec(entry)
        guard unsafe archive_entry_xattr_reset(entry) > 0 else { return }
        var key: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while unsafe archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK {
            let contents = unsafe Array(UnsafeRawBufferPointer(start: value, count: size))
            attributes.extended.append((name: unsafe ExtendedAttributes.escaped(Self.bytes(key)), value: contents))
        }
    }

    private static func bytes(_ string: UnsafePointer<CChar>?) -> [UInt8] {
        guard let string = unsafe string else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: string, count: strlen(string)))
    }
}

/// Owner, mode, time and extended attributes of a file.
package struct Attributes {
    package var owner: Int64 = 0
    package var group: Int64 = 0
    package var mode: UInt32 = 0o755
    package var seconds: Int = 0
    package var nanoseconds: Int = 0
    package var extended: [(name: [UInt8], value: [UInt8])] = []
}
