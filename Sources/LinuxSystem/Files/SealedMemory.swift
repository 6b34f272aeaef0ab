internal import CLinux
package import SystemPackage

/// Bytes in a memfd that nobody can change any more: how a plan travels that is too large for a message.
package enum SealedMemory {
    private static let seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE

    /// A sealed memfd that holds `bytes`.
    package static func make(_ bytes: [UInt8], name: String) throws(Errno) -> OwnedDescriptor {
        let descriptor = OwnedDescriptor(
            CInt(try check(ck_memfd_create(name, CUnsignedInt(MFD_CLOEXEC | MFD_ALLOW_SEALING)))))
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                ck_write(descriptor.rawValue, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count == -Int(Errno.interrupted.rawValue) { continue }
            written += try check(count)
        }
        try check(ck_fcntl(descriptor.rawValue, F_ADD_SEALS, Int(seals)))
        return descriptor
    }

    /// Reads a memfd after checking its seals, so that the sender cannot change it meanwhile.
    /// - Throws: `Errno.notPermitted` without the seals, `Errno.fileTooLarge` above `limit`.
    package static func read(_ descriptor: borrowing OwnedDescriptor, limit: Int) throws(Errno) -> [UInt8] {
        let present = try check(ck_fcntl(descriptor.rawValue, F_GET_SEALS, 0))
        guard CInt(present) & seals == seals else { throw .notPermitted }
        try check(Int(lseek(descriptor.rawValue, 0, SEEK_SET)))
        return try descriptor.readAll(limit: limit)
    }
}
