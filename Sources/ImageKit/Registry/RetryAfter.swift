internal import CLinux

/// The Retry-After header: seconds or a date. See: RFC 9110, section 10.2.3.
enum RetryAfter {
    /// - Parameter date: the answer's Date header: what the server's date is relative to, since clocks differ. Nil is this machine's clock.
    /// - Returns: nil when it is neither; zero when the date has passed.
    static func parse(_ text: String, date: String?) -> Duration? {
        let text = text.trimmed
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return .seconds(min(Int64(text) ?? .max, 1 << 31))
        }
        guard let then = seconds(text) else { return nil }
        let now = date.flatMap { seconds($0.trimmed) } ?? Int64(time(nil))
        return .seconds(min(max(0, then - now), 1 << 31))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970. See: RFC 9110, section 5.6.7 (IMF-fixdate).
    static func seconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ").map(String.init)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), (1...31).contains(day),
            let month = months.firstIndex(of: parts[2]), let year = Int64(parts[3]), (1970...9999).contains(year)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2], (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        // Days since 1970 of a civil date, with years that begin in March.
        let shifted = month < 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * Int64((month + 10) % 12) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86400 + hour * 3600 + minute * 60 + second
    }
}

extension String {
    /// Without spaces at both ends.
    fileprivate var trimmed: String {
        var text = Substring(self)
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
