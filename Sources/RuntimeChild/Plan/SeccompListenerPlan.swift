/// Who decides about the system calls that a filter hands on (`SECCOMP_RET_USER_NOTIF`). See: man 2 seccomp_unotify.
package struct SeccompListenerPlan: Sendable, Hashable {
    /// Path of a Unix stream socket on the host, which the launcher connects to.
    package var path: String
    /// What is sent along with the descriptor: the parts of a JSON text, between which the pid of the process belongs.
    package var state: [String]

    package init(path: String, state: [String]) {
        self.path = path
        self.state = state
    }
}
