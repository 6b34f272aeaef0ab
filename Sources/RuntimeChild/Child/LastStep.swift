internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The end of a child: the filter, where it comes last, and the program. From here on nothing is allocated or let go, since the filter
/// may deny what that takes.
struct LastStep {
    let image: ExecutableImage
    /// Empty when it stands already, or there is none.
    let filter: [UInt8]
    let filterFlags: UInt32
    let page: SharedPage

    /// Becomes the program, or says why not and ends.
    func run() -> Never {
        do throws(Errno) {
            try Self.load(filter, filterFlags, page)
            page.enter(.exec)
            throw image.execute()
        } catch {
            page.fail(error)
        }
        ck_exit(127)
    }

    /// Loads a filter, if there is one.
    static func load(_ filter: [UInt8], _ flags: UInt32, _ page: SharedPage) throws(Errno) {
        if filter.isEmpty { return }
        page.enter(.seccomp)
        try check(unsafe ck_seccomp_load(flags, filter, filter.count))
    }
}
