/// What a test can leave behind on a machine.
package enum LeakKind: String, CaseIterable, Sendable, Comparable {
    case mount, cgroup, dyingCgroup = "dying cgroup", descriptor, process, namespace, key, socket, file

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Something that is there after a test and was not before.
package struct Leak: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var kind: LeakKind
    package var subject: String

    package init(_ kind: LeakKind, _ subject: String) {
        self.kind = kind
        self.subject = subject
    }

    package var description: String { "\(kind.rawValue): \(subject)" }
    package static func < (left: Self, right: Self) -> Bool { (left.kind, left.subject) < (right.kind, right.subject) }
}
