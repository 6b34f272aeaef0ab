internal import LinuxSystem
public import SystemPackage

/// Whether a directory can be the writable side of overlayfs.
public enum UpperDirectory {
    private static let unsuitable: [Int: String] = [
        0x794c_7630: "overlayfs", 0x6969: "NFS", 0xfe53_4d42: "SMB", 0xff53_4d42: "CIFS", 0x0102_1997: "9P", 0x4d44: "FAT",
        0x6573_5546: "FUSE",
    ]

    /// Looks at the file system of `directory`. See: man 2 statfs; the kernel's overlayfs documentation, "Upper and lower".
    /// - Throws: `.unsuitableFileSystem`, `.storage`.
    public static func check(_ directory: FilePath) throws(BundleError) {
        let magic: Int
        do throws(Errno) { magic = try FileSystemMagic.of(directory.string) } catch { throw .storage(error, directory) }
        if let name = unsuitable[magic] {
            throw BundleError(
                .unsuitableFileSystem, .path(directory),
                "It lies on \(name), which overlayfs takes as no upper directory: "
                    + "give the engine a root directory on ext4, xfs, btrfs or tmpfs.")
        }
    }
}
