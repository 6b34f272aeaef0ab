/// One line of /etc/passwd.
struct PasswordEntry: Equatable {
    var name: String
    var user: UInt32
    var group: UInt32
    var home: String
}

/// One line of /etc/group.
struct GroupEntry: Equatable {
    var name: String
    var group: UInt32
    var members: [String]
}

/// Reads account files of an image. Lines that are no accounts are skipped, as the C library does; ids are 32 bits or the line is
/// skipped, never cut.
enum AccountFile {
    static func passwords(_ text: String) -> [PasswordEntry] {
        lines(text).compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 6, !fields[0].isEmpty, let user = id(fields[2]), let group = id(fields[3]) else { return nil }
            return PasswordEntry(name: String(fields[0]), user: user, group: group, home: String(fields[5]))
        }
    }

    static func groups(_ text: String) -> [GroupEntry] {
        lines(text).compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 3, !fields[0].isEmpty, let group = id(fields[2]) else { return nil }
            let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
            return GroupEntry(name: String(fields[0]), group: group, members: members)
        }
    }

    private static func lines(_ text: String) -> [Substring] {
        text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
    }

    /// A user or group id: decimal digits only, and below the highest, which means "none" to system calls.
    static func id(_ text: some StringProtocol) -> UInt32? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = UInt32(text), value != .max else {
            return nil
        }
        return value
    }
}
