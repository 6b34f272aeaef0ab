internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
internal import SystemPackage

extension CommandRuntime {
    /// Writes the processes of a running or paused container to files, by criu(8).
    ///
    /// The container is removed then, its root file system is not part of the files; with `leavesRunning` or `isPreDump` it goes on.
    /// - Parameters:
    ///   - id: the container.
    ///   - options: what is written, and where.
    ///   - interruption: breaks it off: criu is ended, and the container goes on.
    /// - Throws: `RuntimeError.Code.cancelled`; `RuntimeError.Code.hostLacksFeature` without criu; `.checkpointFailed` with criu's reason, the container goes on;
    ///   `.wrongState`, `.containerNotFound`, `.unsupportedField`.
    public func checkpoint(
        _ id: ContainerID, _ options: CheckpointOptions, interruption: Interruption? = nil
    ) throws(RuntimeError) {
        if options.isLazy, options.pageServer == nil {
            throw .invalid(
                "page server", "is missing: what serves memory later needs a port for that", advice: "Give one (`--page-server`).")
        }
        let (directory, record) = try record(id)
        let status = status(directory, record)
        switch status {
        case .running, .paused: break
        default: throw .state(id, "container cannot be checkpointed in created or stopped state")
        }
        let service = try CriuService.find(CriuPatience(limit: options.silenceLimit, interruption: interruption))
        let files = try CheckpointFiles(options, log: "dump.log", isNew: true)
        var configuration = try directory.configuration()
        // Where it lies is known; the form of the systemd driver is for who makes it.
        configuration.linux?.cgroupsPath = nil
        let plan = try compiler().compile(
            configuration, container: id, root: .directory(FilePath(record.rootfs)), cgroupParent: cgroupParent(for: configuration))
        var message = files.options(options)
        message.set(.pid, Int64(record.pid))
        message.set(.leavesRunning, options.leavesRunning)
        message.set(.remapsLinks, options.remapsLinks)
        message.set(.skipsConnectionsInFlight, options.skipsConnectionsInFlight)
        if let parent = options.parent { message.set(.parentImages, parent.string) }
        message.set(.tracksMemory, options.parent != nil || options.isPreDump)
        if let server = options.pageServer { message.add(.pageServer, server.address, Int32(server.port)) }
        if let descriptor = options.statusDescriptor { message.set(.statusDescriptor, Int64(descriptor.rawValue)) }
        if let freezer = freezer(record) { message.set(.freezer, freezer) }
        for mount in ExternalMount.all(of: plan) { message.add(.externalMount, mount.target, mount.target) }
        for namespace in try ExternalNamespace.all(of: plan) {
            message.set(.external, "\(namespace.name)[\(try namespace.inode())]:\(namespace.key)")
        }
        let streams = OutsideStreams(of: record.pid)
        for file in streams.files { message.set(.external, file) }
        if !options.isPreDump { try streams.write(to: files.images) }
        let response: CriuResponse
        do throws(RuntimeError) {
            response = try service.call(
                CriuRequest(kind: options.isPreDump ? .preDump : .dump, options: message.message), log: files.log)
        } catch {
            // It had no time to let the processes go that it holds.
            var error = error
            if status == .running {
                do throws(Errno) { try CgroupFreezer.thaw(openCgroups(record)) } catch let second { error.suppressed.append(second) }
            }
            throw error
        }
        guard response.succeeded else { throw files.failure("checkpoint", response, service, id) }
        if !options.leavesRunning, !options.isPreDump { try delete(id, force: true) }
    }

    private func freezer(_ record: ContainerRecord) -> String? {
        record.containerkit.cgroups.first { access($0.path + ($0.unified ? "/cgroup.freeze" : "/freezer.state"), F_OK) == 0 }?.path
    }
}

/// A mount of the container that shows something of the host: criu gets its name when it writes, and its source when it restores.
struct ExternalMount {
    var source: String
    var target: String

    static func all(of plan: LaunchPlan) -> [ExternalMount] {
        plan.steps.compactMap { step in
            guard case .attach(let tree, let target) = step, case .bind(let source, _, _, _, _, _, _) = plan.trees[Int(tree)] else {
                return nil
            }
            return ExternalMount(source: source, target: target)
        }
    }
}

/// A namespace that the container joined, and which is there when it is restored.
struct ExternalNamespace {
    var name: String
    var path: String
    /// How criu's images name it.
    var key: String { "ck-\(name)" }

    /// - Throws: `RuntimeError.Code.unsupportedField` for one of a type that criu does not take from outside.
    static func all(of plan: LaunchPlan) throws(RuntimeError) -> [ExternalNamespace] {
        var result: [ExternalNamespace] = []
        for joined in plan.namespaces.joined {
            guard joined.type == NamespaceFlag.network.rawValue else {
                throw .unsupported(
                    "linux.namespaces", "a container that joined \(joined.path) cannot be checkpointed",
                    advice: "Only a network namespace may be joined by path.")
            }
            result.append(ExternalNamespace(name: "net", path: joined.path))
        }
        return result
    }

    func inode() throws(RuntimeError) -> UInt64 {
        var status = stat()
        if stat(path, &status) != 0 {
            throw RuntimeError(.namespaceFailed, .path(FilePath(path)), "the namespace is gone", errno: Errno(rawValue: errno))
        }
        return UInt64(status.st_ino)
    }

    func open() throws(RuntimeError) -> SharedDescriptor {
        do throws(Errno) { return SharedDescriptor(try .open(path, flags: O_RDONLY)) } catch {
            throw RuntimeError(.namespaceFailed, .path(FilePath(path)), "the namespace cannot be opened", errno: error)
        }
    }
}
