internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
public import SystemPackage

/// The runtime of an OCI runtime command: synchronous, in its own process, without any helper.
///
/// `create`, `run` and `exec` copy the calling process by clone3(2). That is sound only in a process with one thread and without
/// Swift's concurrency, so they refuse any other; a program with threads takes `ContainerSupervisor` of ShimKit.
/// Containers are kept under a root directory, each with a `state.json` that is whole at any instant.
public struct CommandRuntime: Sendable {
    /// Where the containers' state lies; made 0700 when missing.
    public let root: FilePath
    /// Whether `linux.cgroupsPath` is `slice:prefix:name`, and systemd is asked for the container's scope.
    public let usesSystemd: Bool
    let cgroups: CgroupHost

    /// - Parameters:
    ///   - root: absolute. By default `/run/ckrun`, without root `$XDG_RUNTIME_DIR/ckrun`.
    ///   - usesSystemd: whether containers that are made get a scope of systemd, as engines with its cgroup driver expect. Off by default.
    public init(root: FilePath? = nil, usesSystemd: Bool = false) {
        self.root = root ?? Self.defaultRoot
        self.usesSystemd = usesSystemd
        cgroups = .whenAsked()
    }

    /// `/run/ckrun`, without root `$XDG_RUNTIME_DIR/ckrun`.
    public static var defaultRoot: FilePath {
        if geteuid() != 0, let directory = getenv("XDG_RUNTIME_DIR") { return FilePath(String(cString: directory)).appending("ckrun") }
        return "/run/ckrun"
    }

    /// Replaces the program of this process by itself in a form that no container can write to: through a read-only mount, or as a
    /// sealed copy. Call it first of all in `main`, before anything is opened; where it has been done already it does nothing.
    /// See: CVE-2019-5736.
    /// - Throws: `RuntimeError.Code.processSetupFailed`.
    public static func protectProgram() throws(RuntimeError) {
        do throws(Errno) { try ReadOnlyProgram.reexecute(CommandLine.unsafeArgv) } catch {
            throw RuntimeError(.processSetupFailed, .host, "this program cannot be executed from a read-only mount", errno: error)
        }
    }

    /// The name of a container.
    /// - Throws: `RuntimeError.Code.invalidField` for one that is none.
    public static func identifier(_ name: String) throws(RuntimeError) -> ContainerID {
        guard let id = ContainerID(name) else { throw .invalid("id", "\"\(name)\" is an invalid container ID format") }
        return id
    }

    /// The state of one container.
    /// - Throws: `RuntimeError.Code.containerNotFound`.
    public func state(_ id: ContainerID) throws(RuntimeError) -> RuntimeState {
        let directory = StateDirectory(id, root: root)
        return state(directory, try directory.read())
    }

    /// All containers, in order of their names. One whose making was interrupted is among them, as `creating`.
    public func list() -> [RuntimeState] {
        var names: [String] = []
        guard let directory = try? OwnedDescriptor.open(root.string, flags: O_RDONLY | O_DIRECTORY) else { return [] }
        try? DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        return names.compactMap { ContainerID($0) }.sorted().compactMap { try? state($0) }
    }

    func state(_ directory: StateDirectory, _ record: ContainerRecord?) -> RuntimeState {
        guard let record else {
            return RuntimeState(
                id: directory.id, status: .creating, pid: 0, bundle: "/", rootfs: "/", created: Timestamp.now(), annotations: [:],
                owner: geteuid())
        }
        let status = status(directory, record)
        return RuntimeState(
            id: directory.id, status: status, pid: status == .stopped ? 0 : record.pid, bundle: FilePath(record.bundle),
            rootfs: FilePath(record.rootfs), created: record.created, annotations: record.annotations ?? [:],
            owner: record.containerkit.owner)
    }

    func status(_ directory: StateDirectory, _ record: ContainerRecord) -> RuntimeState.Status {
        // Its maker writes the pid before it lets the process go, so one without has none.
        if record.pid == 0 { return .creating }
        guard FirstProcess.isAlive(record) else { return .stopped }
        if access(directory.fifo, F_OK) == 0 { return .created }
        return isFrozen(record) ? .paused : .running
    }

    func isFrozen(_ record: ContainerRecord) -> Bool {
        for cgroup in record.containerkit.cgroups where cgroup.freezer ?? true {
            if !cgroup.unified, HostFile.trimmed(cgroup.path + "/freezer.state").map({ $0 != "THAWED" }) == true { return true }
            if cgroup.unified, HostFile.trimmed(cgroup.path + "/cgroup.freeze") == "1" { return true }
        }
        return false
    }

    /// The container's record.
    /// - Throws: `.containerNotFound`; `.wrongState` for one that was never finished.
    func record(_ id: ContainerID) throws(RuntimeError) -> (StateDirectory, ContainerRecord) {
        let directory = StateDirectory(id, root: root)
        guard let record = try directory.read() else {
            throw .state(id, "container was not completely created", advice: "Delete it (`delete --force`).")
        }
        return (directory, record)
    }

    /// Its cgroups, opened; those that are gone are left out.
    func openCgroups(_ record: ContainerRecord) -> [ContainerCgroup] {
        record.containerkit.cgroups.compactMap { cgroup in
            guard let directory = try? OwnedDescriptor.directory(cgroup.path) else { return nil }
            return ContainerCgroup(path: cgroup.path, isUnified: cgroup.unified, directory: SharedDescriptor(directory))
        }
    }

    func compiler() -> PlanCompiler {
        var compiler = PlanCompiler(
            features: .ofProcess(cgroups: cgroups), cgroups: cgroups, seccomp: SeccompCache(directory: root.appending(".seccomp")))
        compiler.isForEngine = true
        return compiler
    }
}

extension HostFeatures {
    /// Whether a program would start with signals ignored, other than SIGPIPE.
    var ignoresSignals: Bool { ignoredSignals & ~(UInt64(1) << UInt64(SIGPIPE - 1)) != 0 }
}
