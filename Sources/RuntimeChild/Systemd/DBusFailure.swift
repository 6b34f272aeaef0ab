package import SystemPackage

/// Why a call over D-Bus brought nothing.
package enum DBusFailure: Error, Sendable, Hashable {
    /// A call on the socket.
    case socket(Errno)
    /// The bus does not let this process in.
    case notAuthenticated
    /// What came is no message, or a longer one than anything that is asked for here.
    case malformed
    /// Nothing came in time.
    case timedOut
    /// An error reply, by its name.
    case refused(String)
    /// systemd has ended the unit's job with another result than `done`.
    case job(String)

    /// As a number, which is all that travels from the child's side.
    package var errno: Errno {
        switch self {
        case .socket(let errno): errno
        case .notAuthenticated: .permissionDenied
        case .malformed: .badMessage
        case .timedOut: .timedOut
        case .job: .canceled
        case .refused(let name):
            switch name {
            case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
                "org.freedesktop.DBus.Error.AuthFailed":
                .permissionDenied
            case "org.freedesktop.systemd1.UnitExists": .fileExists
            case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner": .connectionRefused
            case "org.freedesktop.DBus.Error.LimitsExceeded": .resourceTemporarilyUnavailable
            case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout": .timedOut
            default: .invalidArgument
            }
        }
    }
}
