internal import OCIModel
internal import RuntimeChild

/// One rule on devices, resolved: which ones, and which kinds of access it allows or denies.
struct DeviceRule: Sendable, Hashable {
    /// `BPF_DEVCG_ACC_…` of linux/bpf.h.
    struct Access: OptionSet, Sendable, Hashable {
        let rawValue: UInt8
        static let makeNode = Access(rawValue: 1)
        static let read = Access(rawValue: 2)
        static let write = Access(rawValue: 4)
        static let all: Access = [.makeNode, .read, .write]

        /// `rwm`, the letters of cgroup v1.
        var letters: String {
            (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.makeNode) ? "m" : "")
        }
    }

    /// nil is both.
    var isBlock: Bool?
    /// nil is any.
    var major: UInt32?
    var minor: UInt32?
    var access: Access
    var allow: Bool

    /// Whether it covers every device and every access.
    var isEverything: Bool { isBlock == nil && major == nil && minor == nil && access == .all }

    /// Whether there is a device that both name.
    func overlaps(_ other: DeviceRule) -> Bool {
        if let isBlock, let theirs = other.isBlock, isBlock != theirs { return false }
        if let major, let theirs = other.major, major != theirs { return false }
        if let minor, let theirs = other.minor, minor != theirs { return false }
        return !access.isDisjoint(with: other.access)
    }

    /// Whether both name exactly the same devices.
    func namesSameDevices(_ other: DeviceRule) -> Bool {
        isBlock == other.isBlock && major == other.major && minor == other.minor
    }

    /// Reads the rules of a configuration and adds those for the devices that every container has: rules of the configuration
    /// that come first cannot take them away. See: runtime-spec config-linux.md, "Default Devices".
    static func rules(_ configured: [RuntimeConfiguration.DeviceRule]) throws(RuntimeError) -> [DeviceRule] {
        // Nothing is allowed but what is said.
        var rules = [DeviceRule(access: .all, allow: false)]
        for (index, rule) in configured.enumerated() {
            try rules.append(resolved(rule, field: "linux.resources.devices[\(index)]"))
        }
        return rules + defaults
    }

    private static func resolved(_ rule: RuntimeConfiguration.DeviceRule, field: String) throws(RuntimeError) -> DeviceRule {
        let isBlock: Bool?
        switch rule.type {
        case nil, "", "a": isBlock = nil
        case "b": isBlock = true
        case "c", "u": isBlock = false
        case .some(let type): throw .invalid(field + ".type", "\"\(type)\" is none of a, b and c")
        }
        var access: Access = []
        for letter in rule.access.flatMap({ $0.isEmpty ? nil : $0 }) ?? "rwm" {
            switch letter {
            case "r": access.insert(.read)
            case "w": access.insert(.write)
            case "m": access.insert(.makeNode)
            default: throw .invalid(field + ".access", "\"\(letter)\" is none of r, w and m")
            }
        }
        // -1 is the wildcard of configurations that other engines write.
        let major = rule.major.flatMap { $0 == -1 ? nil : $0 }
        let minor = rule.minor.flatMap { $0 == -1 ? nil : $0 }
        if let major, !DeviceNumber.isMajor(major) { throw .invalid(field + ".major", "\(major) is no major number") }
        if let minor, !DeviceNumber.isMinor(minor) { throw .invalid(field + ".minor", "\(minor) is no minor number") }
        return DeviceRule(
            isBlock: isBlock, major: major.map(UInt32.init), minor: minor.map(UInt32.init), access: access, allow: rule.allow)
    }

    /// Nodes may be made (no harm without access), and the default devices, pseudo-terminals and the console used.
    static let defaults: [DeviceRule] = {
        let devices: [(UInt32, UInt32?)] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, nil)]
        return [false, true].map { DeviceRule(isBlock: $0, access: .makeNode, allow: true) }
            + devices.map { DeviceRule(isBlock: false, major: $0.0, minor: $0.1, access: .all, allow: true) }
    }()
}
