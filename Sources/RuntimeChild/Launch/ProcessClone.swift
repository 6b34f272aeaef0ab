internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// One clone of the calling process, which has one thread: clone3, or clone where a filter of the host does not know
/// that.
struct ProcessClone {
    enum Outcome {
        case parent(LaunchedProcess)
        /// Whether it was born in the cgroup.
        case child(isInCgroup: Bool)
    }

    private let namespaces: UInt64
    private let cgroup: SharedDescriptor?

    /// - Parameters:
    ///   - namespaces: `CLONE_NEW…` flags.
    ///   - cgroup: a directory of cgroup v2 to be born in.
    init(_ namespaces: UInt64, into cgroup: SharedDescriptor?) {
        self.namespaces = namespaces
        self.cgroup = cgroup
    }

    /// Returns twice.
    func make() throws(Errno) -> Outcome {
        var descriptor: CInt = -1
        let flags =
            namespaces | ck_CLONE_PIDFD | ck_CLONE_CLEAR_SIGHAND | (cgroup == nil ? 0 : ck_CLONE_INTO_CGROUP)
        let result = unsafe ck_clone3(flags, &descriptor, SIGCHLD, cgroup?.rawValue ?? 0)
        if result == 0 { return .child(isInCgroup: cgroup != nil) }
        if result == -Int(ENOSYS) { return try makeByClone() }
        let pid = CInt(try check(result))
        return .parent(
            LaunchedProcess(pid: pid, descriptor: SharedDescriptor(OwnedDescriptor(descriptor)), terminal: nil))
    }

    /// Has the child run in this process's memory, which waits meanwhile.
    /// - Returns: nil where the kernel or a filter of the host does not know the call.
    func makeBorrowing(_ body: ChildBody) throws(Errno) -> LaunchedProcess? {
        var descriptor: CInt = -1
        let flags = namespaces | ck_CLONE_PIDFD | ck_CLONE_CLEAR_SIGHAND | (cgroup == nil ? 0 : ck_CLONE_INTO_CGROUP)
        body.isInUnified = cgroup != nil
        let result = unsafe ck_clone3_borrowing(
            flags, &descriptor, SIGCHLD, cgroup?.rawValue ?? 0,
            { context in
                guard let context = unsafe context else { ck_exit(127) }
                unsafe Unmanaged<ChildBody>.fromOpaque(context).takeUnretainedValue().run()
            }, Unmanaged.passUnretained(body).toOpaque())
        if result == -Int(ENOSYS) { return nil }
        let pid = CInt(try check(result))
        return LaunchedProcess(pid: pid, descriptor: SharedDescriptor(OwnedDescriptor(descriptor)), terminal: nil)
    }

    /// A clone without a pidfd, for processes that live as long as one call.
    /// - Returns: 0 in the child.
    static func bare(_ flags: UInt64, exitSignal: CInt) throws(Errno) -> CInt {
        let result = ck_clone3(flags, nil, exitSignal, 0)
        if result != -Int(ENOSYS) { return CInt(try check(result)) }
        return CInt(try check(ck_clone(UInt(flags & 0xffff_ffff), exitSignal)))
    }

    private func makeByClone() throws(Errno) -> Outcome {
        let pid = CInt(try check(ck_clone(UInt(namespaces), SIGCHLD)))
        if pid == 0 { return .child(isInCgroup: false) }
        do throws(Errno) {
            let descriptor = SharedDescriptor(try OwnedDescriptor.process(pid))
            return .parent(LaunchedProcess(pid: pid, descriptor: descriptor, terminal: nil))
        } catch {
            ck_kill(pid, SIGKILL)
            _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
            throw error
        }
    }
}
