/// A number of bytes.
public struct ByteCount: RawRepresentable, Sendable, Hashable, Comparable, Codable {
    public var rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }

    public static func bytes(_ count: Int64) -> ByteCount { ByteCount(rawValue: count) }
    /// 1,024 bytes each.
    public static func kibibytes(_ count: Int64) -> ByteCount { ByteCount(rawValue: count << 10) }
    /// 1,048,576 bytes each.
    public static func mebibytes(_ count: Int64) -> ByteCount { ByteCount(rawValue: count << 20) }
    /// 1,073,741,824 bytes each.
    public static func gibibytes(_ count: Int64) -> ByteCount { ByteCount(rawValue: count << 30) }

    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.rawValue < right.rawValue }

    /// From `512`, `64k`, `256m`, `2g` or `1t`, with or without a trailing `b` or `ib`, in any case, as Docker's options have it.
    /// - Returns: nil for anything else, and where it does not fit.
    public init?(_ text: String) {
        var digits = Substring(text.lowercased())
        if digits.hasSuffix("ib") { digits = digits.dropLast(2) } else if digits.hasSuffix("b") { digits = digits.dropLast() }
        let shift: Int64
        switch digits.last {
        case "k": shift = 10
        case "m": shift = 20
        case "g": shift = 30
        case "t": shift = 40
        default: shift = 0
        }
        if shift > 0 { digits = digits.dropLast() }
        guard !digits.isEmpty, digits.allSatisfy(\.isASCII), digits.allSatisfy(\.isNumber), let count = Int64(digits) else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
        if overflow { return nil }
        rawValue = bytes
    }
}

extension ByteCount: CustomStringConvertible {
    /// `12.5 MiB`: the largest unit in which it is at least one, with one decimal.
    public var description: String {
        var value = rawValue.magnitude
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        if value < 1024 { return "\(rawValue) bytes" }
        var unit = 1
        while value >= 1 << 20 {
            value >>= 10
            unit += 1
        }
        let tenths = (value * 10 + 512) / 1024
        return "\(rawValue < 0 ? "-" : "")\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
