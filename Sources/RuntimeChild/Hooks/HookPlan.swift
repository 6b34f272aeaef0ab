/// One hook, ready to be run.
package struct HookPlan: Sendable, Hashable {
    /// Absolute path of the program.
    package var path: String
    /// argv[0] included.
    package var arguments: [String]
    /// `KEY=value`; nothing else is in its environment.
    package var environment: [String]
    /// Seconds until it is killed; nil waits for ever.
    package var timeout: Int?

    package init(path: String, arguments: [String], environment: [String], timeout: Int?) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.timeout = timeout
    }
}

/// Why a hook counts as failed.
package enum HookFailure: Error, Sendable, Hashable {
    case exited(CInt)
    case signaled(CInt)
    case timedOut
    /// It could not be started: errno.
    case notStarted(CInt)
}
