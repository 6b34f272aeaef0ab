internal import CLinux
internal import SystemPackage

/// A page that launcher and child share until execve takes it out of the child's address space: the child says where
/// it is and why it stopped without a system call, which its filter might deny.
@safe final class SharedPage {
    struct Record {
        var phase: UInt32
        var index: UInt32
        var errno: Int32
        /// Of exec: the pid of the process that the intermediate made.
        var pid: Int32
        /// The descriptor of a filter, plus 1; and whether the launcher has taken it.
        var listener: UInt32
        var isListenerTaken: UInt32
    }

    private let record: UnsafeMutablePointer<Record>
    private var isMapped = true

    init() throws(LaunchFailure) {
        guard let page = unsafe ck_shared_page() else { throw LaunchFailure(.clone, errno: .noMemory) }
        unsafe record = page.assumingMemoryBound(to: Record.self)
    }

    deinit { unmap() }

    /// The launcher, when the child has executed its program: a child in borrowed memory leaves this object retained. Not to be asked
    /// anything afterwards.
    func unmap() {
        if isMapped { unsafe ck_unmap_page(record) }
        isMapped = false
    }

    /// The child: from here on, a failure or a death belongs to this phase.
    func enter(_ phase: LaunchPhase, _ index: Int = 0) {
        unsafe record.pointee.phase = phase.rawValue
        unsafe record.pointee.index = UInt32(truncatingIfNeeded: index)
    }

    /// The child: why it stops.
    func fail(_ errno: Errno) { unsafe record.pointee.errno = errno.rawValue }

    var pid: Int32 {
        get { unsafe record.pointee.pid }
        set { unsafe record.pointee.pid = newValue }
    }

    /// The child: the number of the filter's descriptor. The launcher: nil until the child has one.
    var listener: CInt? {
        get {
            let number = unsafe ck_load(&record.pointee.listener)
            return number == 0 ? nil : CInt(number - 1)
        }
        set { unsafe ck_store(&record.pointee.listener, newValue.map { UInt32($0) + 1 } ?? 0) }
    }

    /// The launcher has a copy of that descriptor, and the listener too.
    var isListenerTaken: Bool {
        get { unsafe ck_load(&record.pointee.isListenerTaken) != 0 }
        set { unsafe ck_store(&record.pointee.isListenerTaken, newValue ? 1 : 0) }
    }

    var phase: LaunchPhase { LaunchPhase(rawValue: unsafe record.pointee.phase) ?? .crashed }

    /// The failure the child reported, if it did.
    var failure: LaunchFailure? {
        let errno = unsafe record.pointee.errno
        if errno == 0 { return nil }
        return LaunchFailure(phase, index: unsafe record.pointee.index, errno: Errno(rawValue: errno))
    }
}
