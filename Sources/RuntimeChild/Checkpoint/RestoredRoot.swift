internal import CLinux
internal import LinuxSystem
package import SystemPackage

/// The root directory of a container that another program is about to restore: bound in a mount namespace that this process, which has
/// one thread, makes for itself, so that no mount appears on the host.
package enum RestoredRoot {
    /// A place that something is mounted on.
    package struct MountPoint: Sendable, Hashable {
        /// Inside the root.
        package var path: String
        /// Or a file.
        package var isDirectory: Bool

        package init(path: String, isDirectory: Bool) {
            self.path = path
            self.isDirectory = isDirectory
        }
    }

    /// - Parameters:
    ///   - directory: the root, on the host.
    ///   - place: an empty directory of ours that it is bound on.
    ///   - mountPoints: made inside where they are missing.
    package static func bind(_ directory: String, at place: String, mountPoints: [MountPoint]) throws(Errno) {
        try check(ck_unshare(ck_CLONE_NEWNS))
        try check(unsafe ck_mount("none", "/", nil, UInt(ck_MS_REC | ck_MS_SLAVE), nil))
        let tree = try OwnedDescriptor.cloneMount(directory, recursive: true)
        try tree.moveMount(onto: place)
        let root = ContainerRoot(tree)
        for point in mountPoints { _ = try root.ensure(point.path, isDirectory: point.isDirectory) }
    }

    /// Takes the mount away again; what was restored keeps its own.
    package static func release(_ place: String) { unsafe ck_umount2(place, ck_MNT_DETACH) }
}
