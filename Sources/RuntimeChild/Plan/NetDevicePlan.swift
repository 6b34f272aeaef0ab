/// A network interface of the host that becomes the container's. See: runtime-spec config-linux.md, "Network Devices".
package struct NetDevicePlan: Sendable, Hashable {
    /// Its name in the launcher's network namespace.
    package var name: String
    /// Its name in the container.
    package var newName: String

    package init(name: String, newName: String) {
        self.name = name
        self.newName = newName
    }
}
