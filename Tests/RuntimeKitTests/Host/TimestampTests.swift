import Glibc
import Testing

@testable import RuntimeKit

@Suite struct TimestampTests {
    /// Every day of four hundred years and their edges, as the C library has them.
    @Test func daysAreThoseOfTheCalendar() {
        for day in 0..<146_097 {
            var seconds = day * 86400 + day * 7919 % 86400
            var parts = tm()
            gmtime_r(&seconds, &parts)
            var buffer = [CChar](repeating: 0, count: 40)
            strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S.000000005Z", &parts)
            let expected = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
            guard Timestamp.text(timespec(tv_sec: seconds, tv_nsec: 5)) == expected else {
                Issue.record("\(seconds): \(Timestamp.text(timespec(tv_sec: seconds, tv_nsec: 5))) instead of \(expected ?? "")")
                return
            }
        }
    }
}
