/// Which namespaces the container gets.
package struct NamespacePlan: Sendable, Hashable {
    /// `CLONE_NEW…` flags of namespaces made by the clone. The cgroup namespace is not among them: it is unshared
    /// after the child stands in its cgroup, or the host's path would show inside.
    package var new: UInt64 = 0
    /// Make a cgroup namespace once the child stands in its cgroup.
    package var newCgroup = false
    /// Namespaces to join, in this order, before the clone's child goes on: type flag and path.
    package var joined: [Joined] = []
    /// With a new user namespace: its maps, written by the shim while the child waits.
    package var userMappings: [IDMapping] = []
    package var groupMappings: [IDMapping] = []
    /// The launcher has no rights over the host: the child makes the mount trees in its own namespaces, and ids that are not the
    /// launcher's are mapped by newuidmap(1).
    package var isUnprivileged = false
    /// With a new time namespace: offsets in seconds and nanoseconds.
    package var monotonicOffset: TimeOffset?
    package var boottimeOffset: TimeOffset?

    package struct Joined: Sendable, Hashable {
        /// One `CLONE_NEW…` flag: the type that the descriptor must have.
        package var type: UInt64
        /// Path on the host, for instance `/proc/<pid>/ns/net`.
        package var path: String
        package init(type: UInt64, path: String) {
            self.type = type
            self.path = path
        }
    }

    package struct IDMapping: Sendable, Hashable {
        package var container: UInt32
        package var host: UInt32
        package var size: UInt32
        package init(container: UInt32, host: UInt32, size: UInt32) {
            self.container = container
            self.host = host
            self.size = size
        }
    }

    package struct TimeOffset: Sendable, Hashable {
        package var seconds: Int64
        package var nanoseconds: UInt32
        package init(seconds: Int64, nanoseconds: UInt32) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    package init() {}
}
