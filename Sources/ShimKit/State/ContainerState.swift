internal import Glibc
internal import JSONCoding
internal import LinuxSystem
package import OCIModel
internal import ShimChild

/// What stands in `run/containers/<id>/state.json`: written once before the container is made, so that whoever finds
/// the directory later knows what to clean up.
package struct ContainerState: Sendable, Hashable, Codable {
    /// Raised with each change that an older reader would misunderstand.
    package static let currentVersion = 1

    package struct Cgroup: Sendable, Hashable, Codable {
        package var path: String
        package var isUnified: Bool
        package init(path: String, isUnified: Bool) {
            self.path = path
            self.isUnified = isUnified
        }
    }

    /// The program that made it. A pid alone may be another's by now.
    package struct Creator: Sendable, Hashable, Codable {
        package var pid: Int32
        /// Ticks since boot. See: man 5 proc_pid_stat, field 22.
        package var startTime: UInt64

        /// - Returns: nil where there is no such process, or no /proc.
        package init?(pid: Int32) {
            // A zombie holds nothing any more.
            guard let stat = ProcessStat(pid), !stat.hasEnded else { return nil }
            self.pid = pid
            startTime = stat.startTime
        }

        package var lives: Bool { Creator(pid: pid) == self }
    }

    package var version = currentVersion
    package var id: String
    package var bootID: String
    /// Nanoseconds since 1970.
    package var createdAt: Int64
    package var isDurable: Bool
    /// Everything goes when it ends.
    package var removesItself: Bool
    /// Nil in what an older version wrote.
    package var creator: Creator?
    package var cgroups: [Cgroup]
    /// Version of the frames that its shim speaks; nil in what was written when there was one only.
    package var frames: UInt32?
    /// Removed on delete, before the run directory.
    package var removedDirectories: [String]
    /// For lists: image, command, log file, terminal, … as the layer above likes.
    package var details: [String: String]

    package init(
        id: ContainerID, bootID: String, createdAt: Int64, isDurable: Bool, removesItself: Bool, cgroups: [Cgroup],
        removedDirectories: [String], details: [String: String], creator: Creator? = nil
    ) {
        self.id = id.description
        self.bootID = bootID
        self.createdAt = createdAt
        self.isDurable = isDurable
        self.removesItself = removesItself
        self.creator = creator
        self.cgroups = cgroups
        self.removedDirectories = removedDirectories
        frames = ShimRequest.version
        self.details = details
    }

    /// Whether everything of it goes as soon as it has ended: it was made so, or it is a throwaway one and the program that could have
    /// asked for its record has ended.
    /// - Parameter bootID: of this boot.
    func isForNobody(bootID: String) -> Bool {
        if removesItself { return true }
        guard !isDurable, let creator else { return false }
        return self.bootID != bootID || !creator.lives
    }

    /// As JSON. By hand, because Foundation's encoder would cost more than the container's process.
    package var json: String {
        var text = "{\"version\":\(version),\"id\":\(JSONValue.quoted(id)),\"bootID\":\(JSONValue.quoted(bootID)),"
        text += "\"createdAt\":\(createdAt),\"isDurable\":\(isDurable),\"removesItself\":\(removesItself),"
        if let creator { text += "\"creator\":{\"pid\":\(creator.pid),\"startTime\":\(creator.startTime)}," }
        if let frames { text += "\"frames\":\(frames)," }
        text += "\"cgroups\":["
        text += cgroups.map { "{\"path\":\(JSONValue.quoted($0.path)),\"isUnified\":\($0.isUnified)}" }.joined(separator: ",")
        text += "],\"removedDirectories\":["
        text += removedDirectories.map(JSONValue.quoted).joined(separator: ",") + "],\"details\":{"
        text += details.sorted { $0.key < $1.key }
            .map { "\(JSONValue.quoted($0.key)):\(JSONValue.quoted($0.value))" }.joined(separator: ",")
        return text + "}}\n"
    }
}
