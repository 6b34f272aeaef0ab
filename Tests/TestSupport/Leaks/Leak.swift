/// What a test can leave behind on a machine.
package enum LeakKind: String, CaseIterable, Sendable, Comparable {
    case mount
    case cgroup
    case dyingCgroup = "dying cgroup"
    case descriptor
    case process
    case namespace
    case key
    case socket
    case file

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Something that is there after a test and was not before.
package struct Leak: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var kind: LeakKind
    package var subject: String
    /// Whether the kernel tells it only for the whole machine, so that it may be another program's.
    package var isMachineWide: Bool

    package init(_ kind: LeakKind, _ subject: String, isMachineWide: Bool = false) {
        self.kind = kind
        self.subject = subject
        self.isMachineWide = isMachineWide
    }

    package var description: String { "\(kind.rawValue): \(subject)" }
    package static func < (left: Self, right: Self) -> Bool { (left.kind, left.subject) < (right.kind, right.subject) }
}
