internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The end of a child: the filter, where it comes last, and the program. From here on nothing is allocated or let go, since the filter
/// may deny what that takes.
@safe struct LastStep {
    private let image: ExecutableImage
    private let filter: UnsafeMutableBufferPointer<UInt8>
    private let filterFlags: UInt32
    private let page: SharedPage

    /// - Parameter filter: empty when it stands already, or there is none.
    init(image: ExecutableImage, filter: [UInt8], filterFlags: UInt32, page: SharedPage) {
        self.image = image
        unsafe self.filter = .allocate(capacity: filter.count)
        _ = unsafe self.filter.initialize(from: filter)
        self.filterFlags = filterFlags
        self.page = page
    }

    /// The launcher, when the child worked in its memory and is another program now: nothing else lets go what this is made of.
    func deallocate() {
        image.deallocate()
        unsafe filter.deallocate()
    }

    /// Becomes the program, or says why not and ends.
    func run() -> Never {
        do throws(Errno) {
            try unsafe Self.load(UnsafeBufferPointer(filter), filterFlags, page)
            page.enter(.exec)
            throw image.execute()
        } catch {
            page.fail(error)
        }
        ck_exit(127)
    }

    /// Loads a filter, if there is one.
    static func load(_ filter: UnsafeBufferPointer<UInt8>, _ flags: UInt32, _ page: SharedPage) throws(Errno) {
        if filter.isEmpty { return }
        page.enter(.seccomp)
        try check(unsafe ck_seccomp_load(flags, filter.baseAddress, filter.count))
    }
}
