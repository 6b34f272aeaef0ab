internal import CLinux
internal import LinuxSystem
internal import Logging
internal import NIOPosix
package import OCIModel
internal import ShimChild
internal import SystemPackage

/// A container as its files tell, for lists.
package struct FoundContainer: Sendable {
    package enum Status: Sendable, Hashable {
        /// A shim lives; with the first process's host pid, once there is one.
        case supervised(pid: Int32?)
        case stopped(ProcessExit)
        /// Its shim died; a sweep will write the record.
        case lost
    }
    package var id: ContainerID
    package var state: ContainerState
    package var status: Status
}

extension Supervisor {
    /// All containers of the run directory, of whatever program.
    package func list() async throws(ShimError) -> [FoundContainer] {
        let run = run
        let bootID = bootID
        return try await onThread { () throws(ShimError) in
            var found: [FoundContainer] = []
            for id in try Self.names(in: run) {
                if let container = try Self.find(id, run, bootID) { found.append(container) }
            }
            return found.sorted { $0.state.createdAt < $1.state.createdAt }
        }
    }

    /// One container.
    /// - Throws: `.notFound`.
    package func find(_ id: ContainerID) async throws(ShimError) -> FoundContainer {
        let run = run
        let bootID = bootID
        let found = try await onThread { () throws(ShimError) in try Self.find(id, run, bootID) }
        guard let found else { throw ShimError(.notFound, container: id, "there is no such container") }
        return found
    }

    private static func find(_ id: ContainerID, _ run: FilePath, _ bootID: String) throws(ShimError) -> FoundContainer? {
        let directory = RunDirectory(id, in: run)
        guard let state = try directory.state() else { return nil }
        let status: FoundContainer.Status
        if directory.isSupervised, try directory.exitRecord() == nil {
            status = .supervised(pid: directory.pid(bootID: bootID))
        } else if let record = try directory.exitRecord() {
            status = .stopped(ProcessExit(record))
        } else {
            status = .lost
        }
        return FoundContainer(id: id, state: state, status: status)
    }

    private static func names(in run: FilePath) throws(ShimError) -> [ContainerID] {
        var names: [ContainerID] = []
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(run.appending("containers").string, flags: O_RDONLY | O_DIRECTORY)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in
                if let id = ContainerID(String(decoding: name, as: UTF8.self)) { names.append(id) }
            }
        } catch { throw ShimError(.stateUnreadable, errno: error, "cannot list \(run)/containers") }
        return names
    }

    /// A container that another program, or an earlier run of this one, made.
    /// - Throws: `.notFound`; `.stateUnreadable`; `.incompatibleVersion` where its shim speaks another version of the frames.
    package func reattach(_ id: ContainerID) async throws(ShimError) -> SupervisedContainer {
        let directory = RunDirectory(id, in: run)
        let found = try await find(id)
        if case .supervised = found.status, let version = found.state.frames, version != ShimRequest.version {
            throw ShimError(
                .incompatibleVersion, container: id,
                "its shim speaks version \(version) of the frames, and this program version \(ShimRequest.version)")
        }
        let container = SupervisedContainer(found, directory: directory, supervisor: self)
        // Its shim may have more to do, and says it again; nobody has to wait for that.
        if case .stopped = found.status, let record = try directory.exitRecord() { container.hasEnded(record) }
        do {
            let socket = try await onThread { () throws(ShimError) in try Self.connect(to: directory) }
            try container.connect(try socket.duplicate())
        } catch {
            // No shim listens: it has ended, or never listened.
            await container.settleFromFiles()
        }
        return container
    }

    private static func connect(to directory: RunDirectory) throws(ShimError) -> SharedDescriptor {
        do throws(Errno) {
            let path = try OwnedDescriptor.open(directory.path.string, flags: O_PATH | O_DIRECTORY)
            let socket = OwnedDescriptor(CInt(try check(ck_socket(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0))))
            try check(ck_connect_path(socket.rawValue, "/proc/self/fd/\(path.rawValue)/shim.sock"))
            guard try socket.peerCredentials().uid == geteuid() else { throw .permissionDenied }
            return SharedDescriptor(socket)
        } catch {
            throw ShimError(.commandFailed, container: directory.container, errno: error, "its shim cannot be reached")
        }
    }

    /// Cleans up after every shim that died without doing so itself: at the start of an engine.
    /// - Returns: containers that were found lost.
    package func sweep() async throws(ShimError) -> [ContainerID] {
        let run = run
        let bootID = bootID
        let logger = logger
        return try await onThread { () throws(ShimError) in
            var lost: [ContainerID] = []
            do throws(Errno) { try RunDirectory.removeUnborn(in: run.appending("containers")) } catch {
                logger.error("Directories of containers that were never made could not be removed: \(error)")
            }
            for id in try Self.names(in: run) {
                do {
                    if case .lost = try Sweep(directory: RunDirectory(id, in: run), bootID: bootID).run() { lost.append(id) }
                } catch { logger.error("Container \(id) could not be cleaned up: \(error)") }
            }
            return lost
        }
    }

    /// The record of a container whose shim closed its connection.
    func recordOfEnded(_ directory: RunDirectory) async throws -> ExitRecord? {
        let bootID = bootID
        // Its lock goes a moment after its sockets.
        for attempt in 0..<200 {
            let finding = try await threads.runIfActive { try Sweep(directory: directory, bootID: bootID).run() }
            switch finding {
            case .supervised: try await Task.sleep(for: .milliseconds(attempt < 10 ? 1 : 10))
            case .ended(let record), .lost(let record): return record
            case .nothing: return nil
            }
        }
        throw Errno.resourceBusy
    }
}
