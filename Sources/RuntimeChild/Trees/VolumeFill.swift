internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Fills an anonymous volume at the first start of its container with what the image has at its place.
///
/// Its mode tells whether that is done, and is set in one step when it is: who is killed in the middle leaves a volume that the next start
/// empties and fills anew.
package enum VolumeFill {
    /// The mode of a volume that has not been filled: mkdir(2) makes it at once, and no directory in use has it, nothing allowed and sticky.
    package static let unfilled: UInt32 = 0o1000

    /// - Parameters:
    ///   - source: the image's directory, open for reading.
    ///   - tree: the volume; the descriptor of a detached tree is a mere path.
    static func fill(_ tree: borrowing OwnedDescriptor, from source: () throws(Errno) -> OwnedDescriptor?) throws(Errno) {
        var status = stat()
        try check(unsafe ck_fstat(tree.rawValue, &status))
        guard UInt32(status.st_mode) & 0o7777 == unfilled else { return }
        let volume = try OwnedDescriptor.open(".", at: tree, flags: O_RDONLY | O_DIRECTORY, resolve: .beneath)
        try TreeRemoval.removeContents(of: volume)
        guard let source = try source() else {
            try check(ck_fchmod(volume.rawValue, 0o755))
            return
        }
        try TreeCopy.copyContents(of: source, to: volume)
        try check(unsafe ck_fstat(source.rawValue, &status))
        let mode = UInt32(status.st_mode) & 0o7777
        try TreeCopy.copyAttributes(of: source, status, mode == unfilled ? 0 : mode, to: volume)
    }
}
