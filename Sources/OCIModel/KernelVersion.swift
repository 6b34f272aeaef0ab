/// The first two numbers of a kernel release.
public struct KernelVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The first number.
    public var major: Int
    /// The second number.
    public var minor: Int

    /// A version by its numbers.
    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads a release as uname(2) gives it (`6.1.0-18-amd64`); nil when it does not begin with two numbers.
    public init?(release: String) {
        let parts = release.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isNumber }) else { return nil }
        self.init(major, minor)
    }

    /// The oldest kernel this package runs on.
    public static let minimum = KernelVersion(5, 15)

    /// `5.15`.
    public var description: String { "\(major).\(minor)" }

    /// Orders by age.
    public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
