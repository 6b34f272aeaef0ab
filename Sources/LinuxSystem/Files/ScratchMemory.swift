internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// An empty file in memory, for libraries that only write to a descriptor. See: man 2 memfd_create.
    package static func scratch(named name: String) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(ck_memfd_create(name, CUnsignedInt(MFD_CLOEXEC)))))
    }

    /// All bytes of a file that can be rewound.
    /// - Throws: `Errno.fileTooLarge` above `limit`.
    package borrowing func rewindAndReadAll(limit: Int) throws(Errno) -> [UInt8] {
        try check(Int(lseek(rawValue, 0, SEEK_SET)))
        return try readAll(limit: limit)
    }
}
