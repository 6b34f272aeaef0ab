/// What an image says of itself and of how it runs. See: image-spec 1.1, config.md.
public struct ImageConfiguration: Sendable, Hashable, Codable {
    /// RFC 3339.
    public var created: String?
    public var author: String?
    public var architecture: String
    public var os: String
    public var variant: String?
    public var config: Execution?
    public var rootfs: RootFileSystem
    public var history: [History]?

    public init(architecture: String, os: String = "linux", config: Execution? = nil, rootfs: RootFileSystem) {
        self.architecture = architecture
        self.os = os
        self.config = config
        self.rootfs = rootfs
    }

    /// How a container of the image runs unless told otherwise.
    public struct Execution: Sendable, Hashable, Codable {
        public var user: String?
        /// `80/tcp`.
        public var exposedPorts: [String: Empty]?
        /// `KEY=value`.
        public var environment: [String]?
        public var entrypoint: [String]?
        public var command: [String]?
        public var volumes: [String: Empty]?
        public var workingDirectory: String?
        public var labels: [String: String]?
        public var stopSignal: String?
        /// Docker's addition to the specification.
        public var healthcheck: Healthcheck?

        public init() {}

        private enum CodingKeys: String, CodingKey {
            case user = "User"
            case exposedPorts = "ExposedPorts"
            case environment = "Env"
            case entrypoint = "Entrypoint"
            case command = "Cmd"
            case volumes = "Volumes"
            case workingDirectory = "WorkingDir"
            case labels = "Labels"
            case stopSignal = "StopSignal"
            case healthcheck = "Healthcheck"
        }
    }

    /// How Docker asks whether a container is well.
    public struct Healthcheck: Sendable, Hashable, Codable {
        /// `["NONE"]`, `["CMD", program, …]` or `["CMD-SHELL", line]`.
        public var test: [String]?
        /// Nanoseconds, as the others.
        public var interval: Int64?
        public var timeout: Int64?
        public var startPeriod: Int64?
        public var retries: Int?

        public init() {}

        private enum CodingKeys: String, CodingKey {
            case test = "Test"
            case interval = "Interval"
            case timeout = "Timeout"
            case startPeriod = "StartPeriod"
            case retries = "Retries"
        }
    }

    /// JSON's `{}`: the specification uses objects as sets.
    public struct Empty: Sendable, Hashable, Codable {
        public init() {}
    }

    public struct RootFileSystem: Sendable, Hashable, Codable {
        /// `layers`.
        public var type: String
        /// Digests of the layers without compression, the lowest first.
        public var diffIDs: [Digest]

        public init(diffIDs: [Digest]) {
            type = "layers"
            self.diffIDs = diffIDs
        }

        private enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    public struct History: Sendable, Hashable, Codable {
        public var created: String?
        public var createdBy: String?
        public var author: String?
        public var comment: String?
        /// True where the step made no layer.
        public var emptyLayer: Bool?

        public init() {}

        private enum CodingKeys: String, CodingKey {
            case created, author, comment
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }
    }
}
