package import OCIModel
package import RuntimeChild
internal import SystemPackage

extension RuntimeError {
    /// What a failed launch means: which of the plan's things failed, and the way out.
    package init(_ failure: LaunchFailure, of plan: LaunchPlan) {
        let translation = LaunchFailureTranslation(failure, process: plan.process)
        switch failure.phase {
        case .makeCgroup, .deviceFilter, .enterCgroup:
            let directories = plan.cgroup?.directories ?? []
            let path = directories.indices.contains(Int(failure.index)) ? directories[Int(failure.index)].path : ""
            let attempt: ErrnoAdvice.Attempt = failure.phase == .deviceFilter ? .deviceFilter : .cgroup
            let what =
                switch failure.phase {
                case .makeCgroup: "the cgroup cannot be made"
                case .deviceFilter: "the device rules cannot be loaded"
                default: "the process cannot enter the cgroup"
                }
            self = translation.error(.cgroupFailed, .path(FilePath(path)), what, attempt)
        case .writeCgroup:
            let writes = (plan.cgroup?.directories ?? []).flatMap { directory in directory.writes.map { (directory.path, $0) } }
            guard writes.indices.contains(Int(failure.index)) else {
                self = translation.error(.cgroupFailed, .host, "a control of the cgroup cannot be written", .cgroupControl)
                return
            }
            let (path, write) = writes[Int(failure.index)]
            self = translation.error(
                .cgroupFailed, .field(write.field), "`\(write.value)` cannot be written to \(path)/\(write.file)", .cgroupControl)
        case .prepareTree: self = Self.treeError(translation, plan)
        case .joinNamespace:
            let joined = plan.namespaces.joined
            let path = joined.indices.contains(Int(failure.index)) ? joined[Int(failure.index)].path : ""
            self = translation.error(.namespaceFailed, .path(FilePath(path)), "the namespace cannot be joined", .namespace)
        case .netDevice:
            let devices = plan.netDevices
            let name = devices.indices.contains(Int(failure.index)) ? devices[Int(failure.index)].name : ""
            self = translation.error(
                .namespaceFailed, .field("linux.netDevices[\(name)]"), "the interface cannot be moved into the container", .netDevice)
        case .step: self = Self.stepError(translation, plan)
        default: self = translation.processError()
        }
    }

    /// The same for a process of exec.
    package init(_ failure: LaunchFailure, of plan: ExecPlan, container: ContainerID) {
        let translation = LaunchFailureTranslation(failure, process: plan.process)
        switch failure.phase {
        case .joinNamespace:
            self = translation.error(.namespaceFailed, .container(container), "its namespaces cannot be joined", .namespace)
        case .enterCgroup:
            self = translation.error(.cgroupFailed, .container(container), "its cgroup cannot be entered", .cgroup)
        default: self = translation.processError()
        }
    }

    private static func treeError(_ translation: LaunchFailureTranslation, _ plan: LaunchPlan) -> RuntimeError {
        let index = Int(translation.failure.index)
        guard plan.trees.indices.contains(index) else {
            return translation.error(.mountFailed, .host, "a mount cannot be prepared", .mountSource)
        }
        if translation.failure.errno == .invalidArgument, plan.idMappedTrees.contains(where: { Int($0.tree) == index }),
            case .bind(let source, _, _, _, _, _, let field) = plan.trees[index]
        {
            return RuntimeError(
                .mountFailed, .path(FilePath(source)), "the source of \(field) cannot be id-mapped", errno: .invalidArgument,
                advice: "Its file system does not support that in this kernel (tmpfs does since 6.3, overlay not at all): copy the data.")
        }
        switch plan.trees[index] {
        case .overlay(let lower, let upper, _, _, _):
            return translation.error(
                .mountFailed, .path(FilePath(upper ?? lower.first ?? "/")),
                "the overlay of \(lower.count) layers cannot be mounted", .mountSource)
        case .bind(let source, _, _, _, _, _, let field):
            return translation.error(
                .mountFailed, .path(FilePath(source)), "the source of \(field) cannot be mounted", .mountSource)
        case .fileSystem(let type, _, _, _):
            return translation.error(.mountFailed, .host, "a file system of type \(type) cannot be mounted", .mount)
        }
    }

    private static func stepError(_ translation: LaunchFailureTranslation, _ plan: LaunchPlan) -> RuntimeError {
        let index = Int(translation.failure.index)
        guard plan.steps.indices.contains(index) else {
            return translation.error(.mountFailed, .host, "the container's file system cannot be set up", .mount)
        }
        func mount(_ path: String, _ what: String) -> RuntimeError {
            translation.error(.mountFailed, .path(FilePath(path)), what, .mount)
        }
        func path(_ path: String, _ what: String) -> RuntimeError {
            translation.error(.mountFailed, .path(FilePath(path)), what, .containerPath)
        }
        return switch plan.steps[index] {
        case .setPropagation: mount("/", "the propagation of the mounts cannot be set")
        case .attachRoot: mount("/", "the root file system cannot be attached")
        case .attach(_, let target): mount(target, "the mount cannot be attached in the container")
        case .mount(let type, _, let target, _, _): mount(target, "a file system of type \(type) cannot be mounted in the container")
        case .setAttributes(let target, _, _, _): mount(target, "the attributes of the mount cannot be set")
        case .setTargetPropagation(let target, _): mount(target, "the propagation of the mount cannot be set")
        case .makeDirectory(let target, _): path(target, "the directory cannot be made in the container")
        case .makeDevice(let target, _, _, _, _, _, _): path(target, "the device cannot be made in the container")
        case .symlink(_, let target): path(target, "the symbolic link cannot be made in the container")
        case .maskPaths(let paths): path(paths.first ?? "/", "masked paths (\(paths.count), from here) cannot be covered")
        case .makeReadOnly(let paths): path(paths.first ?? "/", "paths (\(paths.count), from here) cannot be made read-only")
        case .bindConsole: path("/dev/console", "the terminal cannot be put there")
        case .pivotRoot: mount("/", "the root cannot be changed to the container's")
        case .setHostname(let name): translation.error(.namespaceFailed, .field("hostname"), "`\(name)` cannot be set", .namespace)
        case .setDomainname(let name): translation.error(.namespaceFailed, .field("domainname"), "`\(name)` cannot be set", .namespace)
        case .setSysctl(let name, let value):
            translation.error(.processSetupFailed, .field("linux.sysctl[\(name)]"), "`\(value)` cannot be set", .sysctl)
        case .copyUp(_, let target, let isWhole):
            path(target, "what is there cannot be copied into the \(isWhole ? "volume" : "tmpfs (`tmpcopyup`)")")
        case .raiseLoopback: translation.error(.namespaceFailed, .host, "the loopback interface cannot be switched on", .namespace)
        }
    }
}

/// What both kinds of launch have in common: the phases of the process itself.
struct LaunchFailureTranslation {
    let failure: LaunchFailure
    let process: ProcessPlan

    init(_ failure: LaunchFailure, process: ProcessPlan) {
        self.failure = failure
        self.process = process
    }

    func error(
        _ code: RuntimeError.Code, _ subject: RuntimeError.Subject, _ reason: String, _ attempt: ErrnoAdvice.Attempt
    ) -> RuntimeError {
        RuntimeError(code, subject, reason, errno: failure.errno, advice: ErrnoAdvice.advice(for: failure.errno, on: attempt))
    }

    private var program: RuntimeError.Subject { .path(FilePath(process.arguments.first ?? "")) }

    func processError() -> RuntimeError {
        switch failure.phase {
        case .decodePlan:
            error(.planRejected, .host, "the launch plan could not be read", .clone)
        case .clone: error(.namespaceFailed, .host, "the process and its namespaces cannot be made", .clone)
        case .writeIDMaps: error(.namespaceFailed, .field("linux.uidMappings"), "the id maps cannot be written", .idMap)
        case .unshareCgroup: error(.namespaceFailed, .host, "the cgroup namespace cannot be made", .namespace)
        case .timeOffsets: error(.namespaceFailed, .field("linux.timeOffsets"), "the offsets cannot be set", .namespace)
        case .sessionKeyring: error(.processSetupFailed, .host, "a session keyring cannot be made", .namespace)
        case .scope: scopeError()
        case .terminal: error(.processSetupFailed, .field("process.terminal"), "a terminal cannot be made", .terminal)
        case .standardStreams, .closeDescriptors:
            error(.processSetupFailed, .host, "the standard streams cannot be set up", .terminal)
        case .limits:
            error(.processSetupFailed, .field("process.rlimits[\(failure.index)]"), "the limit cannot be set", .limit)
        case .oomScore: error(.processSetupFailed, .field("process.oomScoreAdj"), "it cannot be set", .oomScore)
        case .scheduler: error(.processSetupFailed, .field("process.scheduler"), "it cannot be set", .scheduler)
        case .ioPriority: error(.processSetupFailed, .field("process.ioPriority"), "it cannot be set", .scheduler)
        case .personality: error(.processSetupFailed, .field("linux.personality"), "it cannot be set", .scheduler)
        case .affinity: error(.processSetupFailed, .field("process.execCPUAffinity"), "it cannot be set", .scheduler)
        case .label: error(.processSetupFailed, .field("process.apparmorProfile"), "the label cannot be set", .label)
        case .workingDirectory:
            error(
                .workingDirectoryUnusable, .path(FilePath(process.workingDirectory)), "the working directory cannot be entered",
                .workingDirectory)
        case .groups: error(.processSetupFailed, .field("process.user.additionalGids"), "the groups cannot be set", .groups)
        case .ids: error(.processSetupFailed, .field("process.user"), "the ids cannot be set", .ids)
        case .capabilities: error(.processSetupFailed, .field("process.capabilities"), "they cannot be set", .capabilities)
        case .noNewPrivileges: error(.processSetupFailed, .field("process.noNewPrivileges"), "it cannot be set", .capabilities)
        case .seccomp: error(.seccompFailed, .field("linux.seccomp"), "the filter cannot be loaded", .seccomp)
        case .executable, .exec: executableError()
        case .containerHook, .startHook:
            error(
                .hookFailed, .field("hooks.\(failure.phase == .startHook ? "startContainer" : "createContainer")[\(failure.index)]"),
                failure.errno == .canceled ? "it ended with a failure" : "it cannot be run to its end", .executable)
        case .memoryPolicy: error(.processSetupFailed, .field("linux.memoryPolicy"), "it cannot be set", .scheduler)
        case .seccompListener:
            error(
                .seccompFailed, .field("linux.seccomp.listenerPath"),
                "the listener at \(process.listener?.path ?? "") cannot be given the descriptor", .seccompListener)
        case .died:
            RuntimeError(
                .diedBeforeExec, program, "the process was killed by signal \(failure.signal) before it ran the program",
                advice: failure.signal == 31
                    ? "The seccomp profile kills on a system call that execve needs."
                    : "Raise the memory limit: setting up a process takes some MiB.")
        case .crashed:
            RuntimeError(
                .childCrashed, program, "the new process crashed in phase \(failure.index) with signal \(failure.signal)",
                advice: "This is a bug of ContainerKit: please report it.")
        default: error(.processSetupFailed, program, "the process cannot be set up (\(failure.phase))", .clone)
        }
    }

    private func scopeError() -> RuntimeError {
        switch failure.index {
        case 0:
            error(.cgroupFailed, .host, "systemd makes no scope for the container", .scope)
        case 1:
            RuntimeError(
                .cgroupFailed, .host, "systemd put this process elsewhere than into the container's scope",
                advice: "Name a cgroup parent (`EngineConfiguration.cgroupParent`), and do without scopes (`usesSystemdScopes`).")
        default: error(.cgroupFailed, .host, "the container's scope cannot be divided", .cgroupControl)
        }
    }

    private func executableError() -> RuntimeError {
        switch failure.errno {
        case .noSuchFileOrDirectory, .notDirectory:
            error(.executableNotFound, program, "executable file not found in the container", .executable)
        case .noMemory, .resourceTemporarilyUnavailable: error(.resourceExhausted, program, "it cannot be executed", .executable)
        default: error(.executableNotRunnable, program, "it cannot be executed", .executable)
        }
    }
}
