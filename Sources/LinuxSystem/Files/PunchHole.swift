internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// Gives the space of a range back to the file system; it reads as zeros, and the size stays. See: man 2 fallocate.
    /// - Throws: `EOPNOTSUPP` where the file system cannot.
    package borrowing func punchHole(from start: Int64, to end: Int64) throws(Errno) {
        // FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE.
        if end > start { try check(ck_fallocate(rawValue, 3, start, end - start)) }
    }
}
