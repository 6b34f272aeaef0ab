public import OCIModel
public import SystemPackage

/// What a runtime tells about a container. See: runtime-spec runtime.md, "State".
public struct RuntimeState: Sendable, Hashable {
    /// Where a container is in its life.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        /// It is being made, or its making was interrupted: nothing runs and `delete` takes the rest away.
        case creating
        /// Its first process exists and waits for `start`.
        case created
        /// Its program runs.
        case running
        /// Its processes are frozen.
        case paused
        /// Its first process has ended.
        case stopped
    }

    /// Its name.
    public var id: ContainerID
    /// Where it is in its life.
    public var status: Status
    /// Its first process as this process numbers it; 0 without one.
    public var pid: Int32
    /// Absolute path of the directory with its config.json.
    public var bundle: FilePath
    /// Absolute path of its root file system.
    public var rootfs: FilePath
    /// When it was made, as RFC 3339 writes it, in UTC.
    public var created: String
    /// Annotations of its configuration.
    public var annotations: [String: String]
    /// User id of who made it.
    public var owner: UInt32
}
