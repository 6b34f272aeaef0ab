package import LinuxSystem
package import RuntimeChild

/// What a shim is made with. Descriptors that come along, in this order: the creator's connection, the host's pidfd,
/// the container's lock, taken, then those of the streams.
package struct ShimRequest: Sendable, Hashable {
    /// Raised with each change of a frame that there was before: a shim may be older or newer than the program that attaches to it, and
    /// who speaks another version is refused before a frame is sent. A new kind of event or command needs no new version: events of an
    /// unknown kind are passed over, and such commands answered with ENOSYS.
    package static let version: UInt32 = 1

    package var containerID: String
    /// Durable: outlives its creator. Else its life ends with the creator's connection or process.
    package var isDurable: Bool
    /// Stop before the execve until `start`.
    package var isParked: Bool
    /// Listen on `shim.sock`, so that others than the creator can attach.
    package var isAttachable: Bool
    /// Write the exit record. Not needed where everything is removed at the end and the creator is told by frame.
    package var keepsRecord: Bool
    /// `run/containers/<id>`, which the host has made with `lock` in it.
    package var runDirectory: String
    /// Directories to remove with everything in them when the container has ended; then the run directory itself.
    package var removedDirectories: [String]
    /// Remove them (and with them every trace) without being asked.
    package var removesItself: Bool
    package var streams: StreamPlans
    /// How output is kept; nil where it is not.
    package var log: LogPlan?
    /// Whether the container is started again; nil where it is not.
    package var restart: RestartPlan?
    /// The systemd scope that the shim goes into before it makes the container; nil where it stays in its creator's cgroup.
    package var scope: ScopePlan?
    /// Process id of the creator, who holds the streams first.
    package var creatorPid: Int32
    /// For the records: a pid of another boot says nothing.
    package var bootID: String
    /// An encoded `LaunchPlan`.
    package var plan: [UInt8]

    package init(containerID: String, runDirectory: String, plan: [UInt8]) {
        self.containerID = containerID
        self.runDirectory = runDirectory
        self.plan = plan
        isDurable = false
        isParked = false
        isAttachable = false
        keepsRecord = true
        removedDirectories = []
        removesItself = false
        streams = StreamPlans()
        creatorPid = 0
        bootID = ""
    }

    package func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: plan.count + 512)
        writer.append(Self.version)
        writer.append(containerID)
        writer.append(isDurable)
        writer.append(isParked)
        writer.append(isAttachable)
        writer.append(keepsRecord)
        writer.append(runDirectory)
        writer.append(removedDirectories) { $0.append($1) }
        writer.append(removesItself)
        streams.encode(&writer)
        writer.append(creatorPid)
        writer.append(bootID)
        writer.append(plan)
        if log == nil && restart == nil && scope == nil { return writer.bytes }
        writer.append(log != nil)
        log?.encode(&writer)
        writer.append(restart != nil)
        if let restart {
            writer.append(restart.always)
            writer.append(restart.limit)
        }
        scope?.encode(&writer)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == Self.version else { throw .version(version) }
        containerID = try reader.readString()
        isDurable = try reader.readBool()
        isParked = try reader.readBool()
        isAttachable = try reader.readBool()
        keepsRecord = try reader.readBool()
        runDirectory = try reader.readString()
        removedDirectories = try reader.readArray { (reader) throws(FrameError) in try reader.readString() }
        removesItself = try reader.readBool()
        streams = try StreamPlans(&reader)
        creatorPid = try reader.read()
        bootID = try reader.readString()
        plan = try reader.readBytes()
        if reader.remaining == 0 { return }
        log = try reader.readBool() ? try LogPlan(&reader) : nil
        restart = try reader.readBool() ? RestartPlan(always: try reader.readBool(), limit: try reader.read()) : nil
        if reader.remaining > 0 { scope = try ScopePlan(&reader) }
        if log == nil && restart == nil && scope == nil { throw .invalidValue }
        try reader.finish()
    }
}
