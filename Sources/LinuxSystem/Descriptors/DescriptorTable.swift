internal import CLinux
package import SystemPackage

/// Calls on the process's whole descriptor table.
package enum DescriptorTable {
    /// Closes every descriptor from `first` to `last`, both included. See: man 2 close_range.
    package static func close(from first: CUnsignedInt, through last: CUnsignedInt = .max) throws(Errno) {
        guard first <= last else { return }
        try check(ck_close_range(first, last, 0))
    }

    /// Closes every descriptor that is not among `kept`, which is sorted in place.
    package static func closeAll(except kept: inout [CInt]) throws(Errno) {
        kept.sort()
        var next: CUnsignedInt = 0
        for descriptor in kept where descriptor >= 0 {
            let number = CUnsignedInt(descriptor)
            if number > next { try close(from: next, through: number - 1) }
            next = number + 1
        }
        try close(from: next)
    }
}
