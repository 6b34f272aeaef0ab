package import CLinux
internal import Glibc
package import LinuxSystem
package import SystemPackage

/// Calls on one name inside an open directory. A name is a single component, so no link is ever walked through.
package enum FileCalls {
    package static let directoryFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_RDONLY

    package static func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: name.count + 1) { buffer in
            for index in name.indices { unsafe buffer[index] = CChar(bitPattern: name[index]) }
            unsafe buffer[name.count] = 0
            return unsafe body(buffer.baseAddress.unsafelyUnwrapped)
        }
    }

    package static func result(_ value: CInt) -> Int { value < 0 ? -Int(errno) : Int(value) }

    package static func open(_ name: [UInt8], at directory: CInt, flags: CInt, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        let number = try retrying { unsafe withName(name) { unsafe ck_openat(directory, $0, flags | O_CLOEXEC | O_NOFOLLOW, mode) } }
        return OwnedDescriptor(CInt(number))
    }

    /// Status of the name itself; nil when there is none.
    package static func status(_ name: [UInt8], at directory: CInt) throws(Errno) -> stat? {
        var status = stat()
        let result = unsafe withName(name) { unsafe self.result(fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW)) }
        if result == -Int(ENOENT) { return nil }
        try check(result)
        return status
    }

    package static func status(of descriptor: CInt) throws(Errno) -> stat {
        var status = stat()
        try check(unsafe result(fstat(descriptor, &status)))
        return status
    }

    package static func makeDirectory(_ name: [UInt8], at directory: CInt, mode: UInt32) throws(Errno) {
        unsafe try check(withName(name) { unsafe result(mkdirat(directory, $0, mode)) })
    }

    package static func makeNode(_ name: [UInt8], at directory: CInt, mode: UInt32, device: dev_t) throws(Errno) {
        unsafe try check(withName(name) { unsafe result(mknodat(directory, $0, mode, device)) })
    }

    package static func makeLink(_ name: [UInt8], at directory: CInt, target: [UInt8]) throws(Errno) {
        unsafe try check(withName(name) { name in unsafe withName(target) { unsafe result(symlinkat($0, directory, name)) } })
    }

    package static func link(_ old: [UInt8], at from: CInt, to new: [UInt8], at directory: CInt) throws(Errno) {
        unsafe try check(withName(old) { old in unsafe withName(new) { unsafe result(linkat(from, old, directory, $0, 0)) } })
    }

    package static func target(of name: [UInt8], at directory: CInt) throws(Errno) -> [UInt8] {
        var length = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            let room = unsafe buffer.baseAddress.map { unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: CChar.self) }
            length = unsafe withName(name) { unsafe readlinkat(directory, $0, room.unsafelyUnwrapped, 4096) }
            if length < 0 { length = -Int(errno) }
            count = max(length, 0)
        }
        try check(length)
        return bytes
    }

    /// Removes the name, and all below it when it is a directory.
    package static func remove(_ name: [UInt8], at directory: CInt) throws(Errno) {
        let result = unsafe withName(name) { unsafe self.result(unlinkat(directory, $0, 0)) }
        if result == -Int(EISDIR) {
            do {
                let inner = try open(name, at: directory, flags: directoryFlags)
                for child in try names(in: inner.rawValue) { try remove(child, at: inner.rawValue) }
            }
            unsafe try check(withName(name) { unsafe self.result(unlinkat(directory, $0, AT_REMOVEDIR)) })
        } else {
            try check(result)
        }
    }

    /// The names in a directory, in the order of the directory.
    package static func names(in directory: CInt) throws(Errno) -> [[UInt8]] {
        let copy = try check(unsafe ck_openat(directory, ".", directoryFlags, 0))
        guard let stream = unsafe fdopendir(CInt(copy)) else {
            close(CInt(copy))
            throw .ioError
        }
        defer { unsafe closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            if name != [UInt8(ascii: ".")] && name != [UInt8(ascii: "."), UInt8(ascii: ".")] { names.append(name) }
        }
        return names
    }

    package static func isDirectory(_ status: stat) -> Bool { status.st_mode & FileType.mask == FileType.directory }
    package static func isLink(_ status: stat) -> Bool { status.st_mode & FileType.mask == FileType.symbolicLink }
    package static func isFile(_ status: stat) -> Bool { status.st_mode & FileType.mask == FileType.regular }
    /// Overlay's own form of a whiteout: a character device 0:0.
    package static func isWhiteout(_ status: stat) -> Bool {
        status.st_mode & FileType.mask == FileType.characterDevice && status.st_rdev == 0
    }
}

/// Types of files in a mode (man 7 inode).
package enum FileType {
    package static let mask: UInt32 = 0o170000
    package static let fifo: UInt32 = 0o010000
    package static let characterDevice: UInt32 = 0o020000
    package static let directory: UInt32 = 0o040000
    package static let blockDevice: UInt32 = 0o060000
    package static let regular: UInt32 = 0o100000
    package static let symbolicLink: UInt32 = 0o120000
}
