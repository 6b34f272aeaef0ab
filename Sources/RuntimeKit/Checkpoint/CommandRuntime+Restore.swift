internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
internal import SystemPackage

extension CommandRuntime {
    /// Makes a container from the files of a checkpoint, by criu(8). It goes on where it was.
    ///
    /// The bundle is that of the container as it was made, with its root file system as the checkpoint left it. Standard
    /// streams from outside are replaced by those of the calling process. This process gets a mount namespace of its own.
    /// - Parameters:
    ///   - id: name of the container that is made.
    ///   - options: its bundle, and what is told about its first process.
    ///   - checkpoint: where the files are, and how they were written.
    ///   - interruption: breaks it off; nothing of the container is left then.
    /// - Returns: the first process, a child of this one.
    /// - Throws: as `create`, `RuntimeError.Code.cancelled`, and `RuntimeError.Code.hostLacksFeature` without criu, `.checkpointFailed` with criu's reason; nothing
    ///   of the container is left then.
    public func restore(
        _ id: ContainerID, _ options: RuntimeCreateOptions, from checkpoint: CheckpointOptions,
        interruption: Interruption? = nil
    ) throws(RuntimeError) -> CommandProcess {
        let service = try CriuService.find(CriuPatience(limit: checkpoint.silenceLimit, interruption: interruption))
        if usesSystemd {
            throw .unsupported(
                "linux.cgroupsPath", "a container that criu makes has no scope of systemd",
                advice: "Restore it without --systemd-cgroup, into a path of its own.")
        }
        let creation = try Creation(self, id, options)
        return try creation.make { () throws(RuntimeError) in
            try Restoration(creation: creation, checkpoint: checkpoint, service: service).restored()
        }
    }
}

/// A container that criu is making.
private struct Restoration {
    let creation: Creation
    let checkpoint: CheckpointOptions
    let service: CriuService

    private var plan: LaunchPlan { creation.plan }

    func restored() throws(RuntimeError) -> CommandProcess {
        let namespaces = try ExternalNamespace.all(of: plan).map { namespace throws(RuntimeError) in (namespace, try namespace.open()) }
        let place = try bindRoot()
        defer {
            RestoredRoot.release(place)
            rmdir(place)
        }
        // Now: criu mounts in these directories, which it cannot in those of another mount namespace.
        let files = try CheckpointFiles(checkpoint, log: "restore.log", isNew: false)
        if let cgroup = plan.cgroup { try creation.runtime.cgroups.prepare(for: cgroup) }
        let cgroups: [ContainerCgroup]
        do throws(LaunchFailure) { cgroups = try RestoredCgroups.make(plan.cgroup) } catch { throw RuntimeError(error, of: plan) }
        var process: LaunchedProcess?
        var first: Int32?
        do throws(RuntimeError) {
            let request = CriuRequest(kind: .restore, options: message(place, files, cgroups, namespaces).message)
            var terminal: SharedDescriptor?
            let response = try service.call(request, inherited: namespaces.map { $0.1 }, keepsStreams: true, log: files.log) {
                (notification, descriptor) throws(RuntimeError) in
                switch notification.notification {
                case "orphan-pts-master": terminal = descriptor
                case "setup-namespaces":
                    first = notification.pid
                    try creation.runRuntimeHooks(notification.pid ?? 0)
                case "post-restore":
                    let made = try launched(notification.pid, terminal)
                    process = made
                    try creation.announce(made, joins: Self.ownTimeNamespace(made.pid))
                default: break
                }
            }
            guard response.succeeded, let process else {
                throw files.failure("restore", response, service, creation.directory.id)
            }
            try creation.runtime.runPoststartHooks(creation.hooks, creation.record, process.pid)
            return CommandProcess(process, handsOverTerminal: creation.options.consoleSocket != nil)
        } catch {
            // A criu that was ended has left it behind; nobody has waited for it, so the number is still its own.
            if let pid = process?.pid ?? first, pid > 0 {
                kill(pid, SIGKILL)
                _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
            }
            var error = error
            do throws(Errno) { try CgroupRemoval.remove(cgroups) } catch let second { error.suppressed.append(second) }
            throw error
        }
    }

    private func message(
        _ root: String, _ files: CheckpointFiles, _ cgroups: [ContainerCgroup], _ namespaces: [(ExternalNamespace, SharedDescriptor)]
    ) -> CriuOptions {
        var message = files.options(checkpoint)
        message.set(.root, root)
        message.set(.restoresSibling, true)
        message.set(.evasiveDevices, true)
        for mount in ExternalMount.all(of: plan) { message.add(.externalMount, mount.target, mount.source) }
        for (namespace, descriptor) in namespaces { message.add(.inheritedDescriptor, namespace.key, descriptor.rawValue) }
        for stream in OutsideStreams(from: files.images).inherited { message.add(.inheritedDescriptor, stream.name, stream.descriptor) }
        for cgroup in cgroups {
            let hierarchies = creation.runtime.cgroups.hierarchies
            guard let hierarchy = hierarchies.first(where: { cgroup.path.hasPrefix($0.mountPoint + "/") }) else { continue }
            let path = String(cgroup.path.dropFirst(hierarchy.mountPoint.count))
            for controller in hierarchy.isUnified ? [""] : hierarchy.controllers.sorted() { message.add(.cgroupRoot, controller, path) }
        }
        if let profile = checkpoint.securityProfile { message.set(.securityProfile, profile) }
        if let context = checkpoint.securityMountContext { message.set(.securityMountContext, context) }
        return message
    }

    private func bindRoot() throws(RuntimeError) -> String {
        let place = creation.directory.path + "/criu-root"
        mkdir(place, 0o700)
        do throws(Errno) { try RestoredRoot.bind(creation.record.rootfs, at: place, mountPoints: mountPoints()) } catch {
            throw RuntimeError(.mountFailed, .path(FilePath(place)), "the root cannot be bound for criu", errno: error)
        }
        return place
    }

    /// Those that lie in the root itself: what is below another mount comes back with it.
    private func mountPoints() -> [RestoredRoot.MountPoint] {
        var points: [RestoredRoot.MountPoint] = []
        for step in plan.steps {
            let point: RestoredRoot.MountPoint
            switch step {
            case .attach(let tree, let target):
                var isDirectory = true
                if case .bind(let source, _, _, _, _, _, _) = plan.trees[Int(tree)] {
                    var status = stat()
                    isDirectory = stat(source, &status) != 0 || UInt32(status.st_mode) & UInt32(S_IFMT) == UInt32(S_IFDIR)
                }
                point = .init(path: target, isDirectory: isDirectory)
            case .mount(_, _, let target, _, _): point = .init(path: target, isDirectory: true)
            default: continue
            }
            if points.contains(where: { ContainerPath.isBelow(point.path, $0.path) }) { continue }
            points.append(point)
        }
        return points
    }

    private func launched(_ pid: Int32?, _ terminal: SharedDescriptor?) throws(RuntimeError) -> LaunchedProcess {
        do throws(Errno) {
            guard let pid, pid > 0 else { throw .noSuchProcess }
            return LaunchedProcess(pid: pid, descriptor: SharedDescriptor(try .process(pid)), terminal: terminal)
        } catch {
            throw RuntimeError(.checkpointFailed, .container(creation.directory.id), "the restored process is not there", errno: error)
        }
    }

    /// criu gives it clocks that go on where they were; what joins the container joins them.
    private static func ownTimeNamespace(_ pid: Int32) -> UInt64 {
        HostFile.link("/proc/\(pid)/ns/time") == HostFile.link("/proc/self/ns/time") ? 0 : NamespaceFlag.time.rawValue
    }
}
