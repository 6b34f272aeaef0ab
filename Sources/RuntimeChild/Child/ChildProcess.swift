internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The last part of a child, the same for the first process of a container and for one of exec: streams, limits,
/// credentials, an early filter; then the last step.
struct ChildProcess {
    let plan: ProcessPlan
    let page: SharedPage
    /// The child's end of the socket to the launcher; close-on-exec, and its end of file tells that execve worked.
    let setup: CInt
    /// What becomes descriptors 0 to 2; empty for those inherited.
    let streams: [CInt]
    /// Whether to wait for a byte before the filter and execve.
    let parks: Bool
    /// Whether the process must die with the launcher by itself, having no pid namespace that does it.
    let bindsToParent: Bool
    /// /proc of the host, opened while the host's mounts are there, when something must be written to it.
    let hostProc: SharedDescriptor?
    /// What an OCI runtime command asks for; the defaults are a supervised launch.
    var command = CommandLaunch()
    /// Whether its OOM score was set before it was born, or by the launcher.
    var hasScore = false
    /// The pid that hooks are told: the launcher's number of this process.
    var launcherPid: CInt = 0
    private var terminal: ChildTerminal?

    init(
        plan: ProcessPlan, page: SharedPage, setup: CInt, streams: [CInt], parks: Bool, bindsToParent: Bool,
        hostProc: SharedDescriptor?
    ) {
        self.plan = plan
        self.page = page
        self.setup = setup
        self.streams = streams
        self.parks = parks
        self.bindsToParent = bindsToParent
        self.hostProc = hostProc
    }

    /// Whether `hostProc` is needed for this process.
    static func needsHostProc(_ plan: ProcessPlan) -> Bool {
        plan.oomScoreAdjust != nil || plan.apparmorProfile != nil || plan.selinuxLabel != nil
    }

    /// The terminal, made on first use.
    mutating func terminal(in root: borrowing ContainerRoot) throws(Errno) -> ChildTerminal {
        if let terminal { return terminal }
        let made = try ChildTerminal(in: root, size: plan.terminalSize, uid: plan.uid)
        terminal = made
        return made
    }

    /// Waits for the launcher's word.
    /// - Throws: `Errno.connectionReset` when it is gone.
    func awaitByte() throws(Errno) {
        var byte: UInt8 = 0
        let setup = setup
        if try retrying({ unsafe ck_read(setup, &byte, 1) }) == 0 { throw .connectionReset }
    }

    /// Everything but the last step. `isAtRoot` says that the working directory is the container's root already.
    mutating func prepare(_ root: borrowing ContainerRoot, isAtRoot: Bool) throws(Errno) -> LastStep {
        // Made while memory can still be had without a filter's leave.
        let image = ExecutableImage(plan, home: plan.hasHome ? nil : HomeDirectory.find(uid: plan.uid, in: root))
        try connectStreams(root)
        try applyLimits()
        try applyLabels()
        page.enter(.closeDescriptors)
        // Also before the working directory changes: a descriptor of the host's tree must not be a way out.
        try closeDescriptors()
        page.enter(.workingDirectory)
        let isThere = isAtRoot && plan.workingDirectory == "/"
        // First with all privileges, for a directory only root may enter.
        let entered = isThere ? 0 : unsafe ck_chdir(plan.workingDirectory)
        ck_umask(plan.umask)
        if command.resetsSignals { ck_reset_signals() } else { ck_empty_signal_mask() }
        if !plan.noNewPrivileges {
            try parkAndFilter(image)
        }
        try applyCredentials()
        page.enter(.workingDirectory)
        if entered < 0 { try check(unsafe ck_chdir(plan.workingDirectory)) }
        if !isThere { try checkWorkingDirectory() }
        if bindsToParent { try bindToParent() }
        if plan.reapsChildren { try splitOffInit() }
        if plan.noNewPrivileges {
            page.enter(.noNewPrivileges)
            try check(ck_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
            if plan.listener != nil { try loadListeningFilter() }
            if parks { try park(image) }
        }
        let isLast = plan.noNewPrivileges && plan.listener == nil
        let last = LastStep(
            image: image, filter: isLast ? plan.seccompProgram : [], filterFlags: plan.seccompFlags, page: page)
        // A filter stands already: what is let go on the way back might be denied.
        if !isLast, !plan.seccompProgram.isEmpty { last.run() }
        return last
    }

    /// Everything but the standard streams, what the program is handed, and what the start still needs.
    private func closeDescriptors() throws(Errno) {
        var next = 3 + command.preservedDescriptors
        let gate = command.startGate.map { UInt32($0.rawValue) } ?? 0
        let setup = UInt32(setup)
        for kept in [min(gate, setup), max(gate, setup)] where kept >= next {
            if kept > next { try check(ck_close_range(next, kept - 1, 0)) }
            next = kept + 1
        }
        try check(ck_close_range(next, .max, 0))
        for descriptor in 0..<command.preservedDescriptors {
            // Numbers without a file are not asked for.
            ck_fcntl(CInt(3 + descriptor), F_SETFD, 0)
        }
    }

    /// Runs hooks in the child's own namespaces.
    func run(_ hooks: [HookPlan], _ phase: LaunchPhase) throws(Errno) {
        for (index, hook) in hooks.enumerated() {
            page.enter(phase, index)
            do throws(HookFailure) {
                try HookProcess.run(hook, state: command.hookState.before + String(launcherPid) + command.hookState.after)
            } catch {
                switch error {
                case .notStarted(let errno): throw Errno(rawValue: errno)
                case .timedOut: throw .timedOut
                case .exited, .signaled: throw .canceled
                }
            }
        }
    }

    private func park(_ image: ExecutableImage) throws(Errno) {
        page.enter(.executable)
        if let errno = image.findError() { throw errno }
        page.enter(.parked)
        var byte = SetupMessage.parked
        try check(unsafe ck_send(setup, &byte, 1, nil, 0, 0))
        try awaitByte()
        if let gate = command.startGate?.rawValue {
            if try retrying({ unsafe ck_read(gate, &byte, 1) }) == 0 { throw .connectionReset }
            // Open while the program could still be reached through it: closed here, since a filter may stand before execve.
            try check(ck_close_range(UInt32(gate), UInt32(gate), 0))
        }
        try run(command.startHooks, .startHook)
        page.enter(.parked)
    }

    /// An own session keyring, so that keys of the launcher's are out of reach.
    func joinSessionKeyring() throws(Errno) {
        if command.keepsSessionKeyring { return }
        page.enter(.sessionKeyring)
        let keyring = ck_keyctl_join_session(nil)
        if keyring != -Int(ENOSYS) { try check(keyring) }
    }

    private func parkAndFilter(_ image: borrowing ExecutableImage) throws(Errno) {
        // Its listener is handed over by the launcher, which may be gone when a parked process goes on.
        if plan.listener != nil { try loadListeningFilter() }
        if parks { try park(image) }
        if plan.listener != nil { return }
        // An error that a closure throws loses its type.
        let loaded = unsafe plan.seccompProgram.withUnsafeBufferPointer { filter in
            Result { () throws(Errno) in try unsafe LastStep.load(filter, plan.seccompFlags, page) }
        }
        try loaded.get()
    }

    /// The directory may have been swapped for a link out of the root: its name then reads "(unreachable)".
    private func checkWorkingDirectory() throws(Errno) {
        var buffer = [CChar](repeating: 0, count: 4096)
        try check(unsafe ck_getcwd(&buffer, buffer.count))
        guard buffer[0] == CChar(UInt8(ascii: "/")) else { throw .permissionDenied }
    }

    /// Set after the last change of credentials, which clears it.
    private func bindToParent() throws(Errno) {
        let parent = ck_getppid()
        try check(ck_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0, 0, 0))
        // Gone before the signal was asked for: the socket's other end is closed then.
        var polled = pollfd(fd: setup, events: 0, revents: 0)
        if unsafe poll(&polled, 1, 0) > 0 || ck_getppid() != parent { throw .connectionReset }
    }
}

/// Single bytes on the socket between launcher and child.
enum SetupMessage {
    /// Child: with the pty master.
    static let terminal = UInt8(ascii: "T")
    /// Child: waits before execve.
    static let parked = UInt8(ascii: "P")
    /// Child: stands before its change of root; the launcher answers with its pid, four bytes.
    static let hooks = UInt8(ascii: "H")
    /// Child: loads a filter whose descriptor the launcher is to fetch.
    static let listener = UInt8(ascii: "N")
    /// Child: stands in its network namespace, and waits for interfaces of the host's.
    static let netDevices = UInt8(ascii: "D")
    /// Launcher: the id maps are written, or go.
    static let proceed = UInt8(ascii: "G")
}
