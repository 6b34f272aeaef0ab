internal import CLinux
internal import Glibc

/// The present time as RFC 3339 with nanoseconds, in UTC; the text of a second is made once.
package struct LogTime {
    private var second = -1
    private var text: [UInt8] = []

    mutating func now() -> [UInt8] {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        if time.tv_sec != second {
            second = time.tv_sec
            text = Self.text(ofSecond: second)
        }
        return text + [UInt8(ascii: ".")] + Self.digits(time.tv_nsec, 9) + [UInt8(ascii: "Z")]
    }

    /// `1970-01-01T00:00:00`. The day's date after Howard Hinnant's "chrono-compatible low-level date algorithms".
    package static func text(ofSecond second: Int) -> [UInt8] {
        let days = second / 86400 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        let rest = second % 86400
        var text = digits(year, 4)
        for (separator, value) in [
            ("-", civilMonth), ("-", day), ("T", rest / 3600), (":", rest / 60 % 60), (":", rest % 60),
        ] { text += Array(separator.utf8) + digits(value, 2) }
        return text
    }

    private static func digits(_ value: Int, _ count: Int) -> [UInt8] {
        var result = [UInt8](repeating: UInt8(ascii: "0"), count: count)
        var rest = value
        for index in stride(from: count - 1, through: 0, by: -1) {
            result[index] += UInt8(rest % 10)
            rest /= 10
        }
        return result
    }
}
