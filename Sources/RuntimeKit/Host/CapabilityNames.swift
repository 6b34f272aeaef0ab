internal import CCapability
internal import RuntimeChild

/// Names of capabilities, as libcap knows them. See: man 3 cap_from_name, man 7 capabilities.
enum CapabilityName {
    /// The number of `CAP_CHOWN`; nil for a name that libcap does not know. Only the specification's spelling counts, upper
    /// case with prefix.
    static func number(_ name: String) -> Int? {
        guard name.hasPrefix("CAP_"), name.utf8.allSatisfy({ (65...90).contains($0) || (48...57).contains($0) || $0 == 95 }) else {
            return nil
        }
        var value: cap_value_t = 0
        guard cap_from_name(name, &value) == 0, (0..<64).contains(value) else { return nil }
        return Int(value)
    }

    /// `CAP_CHOWN` of 0; a number for one that libcap does not know.
    static func name(_ number: Int) -> String {
        guard let text = cap_to_name(cap_value_t(number)) else { return "capability \(number)" }
        defer { cap_free(text) }
        return String(cString: text).uppercased()
    }

    /// Names of all bits of a set.
    static func names(_ set: UInt64) -> [String] {
        (0..<64).filter { set & (1 << UInt64($0)) != 0 }.map(name)
    }
}
