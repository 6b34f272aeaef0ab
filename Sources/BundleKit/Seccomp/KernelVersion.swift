internal import Glibc

/// Major and minor number of a kernel.
public struct KernelVersion: Sendable, Hashable, Comparable {
    public var major: Int
    public var minor: Int

    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads a release as uname(2) gives it (`6.1.0-18-amd64`); nil when it begins with no two numbers.
    public init?(release: String) {
        let numbers = release.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard numbers.count >= 2, let major = Int(numbers[0]), let minor = Int(numbers[1].prefix { $0.isNumber }) else { return nil }
        self.init(major, minor)
    }

    /// The running kernel; 0.0 when uname(2) says something unheard of.
    public static var running: KernelVersion {
        var name = utsname()
        guard uname(&name) == 0 else { return KernelVersion(0, 0) }
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return KernelVersion(release: release) ?? KernelVersion(0, 0)
    }

    public static func < (left: KernelVersion, right: KernelVersion) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
}
