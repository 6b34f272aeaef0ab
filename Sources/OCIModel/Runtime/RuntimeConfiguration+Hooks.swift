extension RuntimeConfiguration {
    /// Programs run at points of the life of the container. See: runtime-spec config.md, "POSIX-platform Hooks".
    public struct Hooks: Sendable, Hashable, Codable {
        /// Deprecated: after the start operation, before the program.
        public var prestart: [Hook]?
        /// During create, in the namespaces of the runtime.
        public var createRuntime: [Hook]?
        /// During create, in the namespaces of the container, before pivot_root.
        public var createContainer: [Hook]?
        /// During start, in the container.
        public var startContainer: [Hook]?
        /// After the program was started.
        public var poststart: [Hook]?
        /// After the container was deleted.
        public var poststop: [Hook]?

        /// Makes a value; what is left out is not set.
        public init(
            prestart: [Hook]? = nil,
            createRuntime: [Hook]? = nil,
            createContainer: [Hook]? = nil,
            startContainer: [Hook]? = nil,
            poststart: [Hook]? = nil,
            poststop: [Hook]? = nil
        ) {
            self.prestart = prestart
            self.createRuntime = createRuntime
            self.createContainer = createContainer
            self.startContainer = startContainer
            self.poststart = poststart
            self.poststop = poststop
        }
    }
}
