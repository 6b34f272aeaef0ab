internal import Glibc
public import OCIModel

extension KernelVersion {
    /// The running kernel; 0.0 when uname(2) says something unheard of.
    public static var running: KernelVersion {
        var name = utsname()
        guard uname(&name) == 0 else { return KernelVersion(0, 0) }
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return KernelVersion(release: release) ?? KernelVersion(0, 0)
    }
}
