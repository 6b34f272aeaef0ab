/// One line of /proc/self/mountinfo. See: man 5 proc_pid_mountinfo.
struct MountLine: Sendable, Hashable {
    /// Which part of the file system is mounted.
    var root: String
    var target: String
    var type: String
    var superOptions: [String]

    /// Reads one line; nil when it has another form.
    init?(_ line: Substring) {
        // 36 35 98:0 /root /target options optional… - type source superoptions
        // By bytes: a host may have thousands of lines, and letters cost much more.
        let fields = line.utf8.split(separator: UInt8(ascii: " ")).map { Substring($0) }
        guard fields.count >= 10, let separator = fields.firstIndex(of: "-"), separator + 3 < fields.count else { return nil }
        root = Self.unescaped(fields[3])
        target = Self.unescaped(fields[4])
        type = String(fields[separator + 1])
        superOptions = fields[separator + 3].split(separator: ",").map(String.init)
    }

    /// All lines of a table.
    static func table(_ text: String) -> [MountLine] {
        text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { MountLine(Substring($0)) }
    }

    /// The kernel writes space, tab, newline and backslash as `\040` and so on.
    private static func unescaped(_ field: Substring) -> String {
        guard field.utf8.contains(UInt8(ascii: "\\")) else { return String(field) }
        let bytes = Array(field.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let digits = bytes[index...].dropFirst().prefix(3)
            if bytes[index] == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(value)
                index += 4
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
