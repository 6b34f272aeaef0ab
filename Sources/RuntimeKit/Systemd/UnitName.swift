/// Names of systemd's units. See: man 5 systemd.unit, man 5 systemd.slice.
enum UnitName {
    /// Whether it may be the name of a unit of this type.
    static func isValid(_ name: String, type: String) -> Bool {
        let letters = name.utf8
        guard letters.count <= 255, name.hasSuffix("." + type), letters.count > type.utf8.count + 1 else { return false }
        return letters.allSatisfy { letter in
            switch letter {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: ":-_.\\".utf8.contains(letter)
            }
        }
    }

    /// The cgroup of a slice below systemd's own: `/a.slice/a-b.slice` of `a-b.slice`, and nothing of `-.slice`; nil for what names none.
    static func path(ofSlice name: String) -> String? {
        guard isValid(name, type: "slice") else { return nil }
        let stem = name.dropLast(".slice".count)
        if stem == "-" { return "" }
        var path = ""
        var prefix = ""
        for part in stem.split(separator: "-", omittingEmptySubsequences: false) {
            if part.isEmpty { return nil }
            prefix += prefix.isEmpty ? String(part) : "-" + part
            path += "/\(prefix).slice"
        }
        return path
    }
}
