internal import LinuxSystem
internal import Logging
internal import OCIModel
internal import RuntimeChild
internal import RuntimeKit
internal import ShimChild
internal import ShimKit
internal import SystemPackage

extension ContainerEngine {
    /// Starts a container again that has ended, with what it has written to its file system.
    ///
    /// - Returns: the container of the new run; the old value tells of the old one.
    /// - Throws: `.notFound`; `.notRunning` where it still runs; `.configurationRefused` where its streams were given by the program that
    ///   made it; `.notReady` after its start deadline: it has ended then.
    public func restart(_ container: Container) async throws(ContainerError) -> Container {
        try await restart(container.id)
        let container = try await reattach(container.id)
        do throws(ContainerError) { try await container.meetStartDeadline() } catch {
            container.detach()
            throw error
        }
        return container
    }

    private func restart(_ id: ContainerID) async throws(ContainerError) {
        try expectOpen()
        let directory = directories.containers.appending(id.description)
        guard
            let record = try await blocking({ () throws(ContainerError) in
                try ContainerRecord.read(directory.appending("config.json"))
            })
        else { throw ContainerError(.notFound, .container(id), "there is no container of this name that can be started again") }
        let (launch, held) = try await blocking { () throws(ContainerError) in
            // While it has no state, a sweep must not take it for one whose maker was killed; nor if this program is killed meanwhile.
            let held = try ContainerDirectory.hold(directory)
            try record.markBorn(in: directory)
            return (try self.launch(record, id, directory), held)
        }
        defer { withExtendedLifetime(held) {} }
        do throws(ShimError) {
            try await supervisor.reset(id)
            let supervised = try await supervisor.launch(launch)
            supervised.close()
        } catch { throw ContainerError(error, container: id) }
    }

    /// Blocks.
    private func launch(_ record: ContainerRecord, _ id: ContainerID, _ directory: FilePath) throws(ContainerError) -> ContainerLaunch {
        let root: RootSource =
            record.hasUpper
            ? .overlay(
                lower: record.lowerDirectories.map { FilePath($0) }, upper: directory.appending("upper"), work: directory.appending("work"))
            : .directory(FilePath(record.lowerDirectories.first ?? "/"))
        var (plan, scope) = try plan(
            record.configuration, id, root, volumes: record.volumes ?? [], isDurable: true, gracePeriod: .seconds(record.stopGraceSeconds))
        if record.reapsChildren == true { try Self.addInit(to: &plan) }
        var configuration = ContainerConfiguration()
        configuration.terminal = record.configuration.process?.terminal == true
        configuration.outputFileSize = record.outputFileSize ?? configuration.outputFileSize
        if let options = record.logOptions {
            configuration.output = .log(options)
        } else if let log = record.log {
            configuration.output = .file(FilePath(log))
        } else {
            configuration.output = configuration.terminal ? .stream : .discard
        }
        let streams = try StreamSetup(configuration, LaunchForm(output: .stream))
        let log = record.log.map { FilePath($0) }
        var launch = ContainerLaunch(id: id, plan: plan)
        launch.streams = streams.plans(log: log)
        launch.log = streams.logPlan(log)
        launch.restart = record.restart?.plan
        launch.isDurable = true
        launch.scope = scope
        launch.isAttachable = true
        launch.directories = [directory]
        launch.details = record.details
        return launch
    }

    /// A container whose run directory is gone, after a reboot as a rule: it has ended, and nobody saw how.
    /// - Returns: whether there is one.
    func revive(_ id: ContainerID) async throws(ContainerError) -> Bool {
        let directory = directories.containers.appending(id.description)
        guard
            let record = try await blocking({ () throws(ContainerError) in
                try ContainerRecord.read(directory.appending("config.json"))
            })
        else { return false }
        do throws(ShimError) {
            try await supervisor.writeLost(id, createdAt: record.createdAt ?? 0, directories: [directory], details: record.details)
        } catch {
            if error.code != .alreadyExists { throw ContainerError(error, container: id) }
        }
        return true
    }

    /// At the start of an engine: containers that a reboot ended get their record, and those whose policy says so are started again.
    /// - Parameter lost: those whose supervisor was found dead.
    func reviveAll(_ lost: [ContainerID]) async {
        let names = (try? await blocking { () throws(ContainerError) in try DirectoryNames.list(self.directories.containers) }) ?? []
        var ended = lost
        for id in names.compactMap({ ContainerID($0) }) {
            do throws(ContainerError) {
                if try await !exists(id), try await revive(id) { ended.append(id) }
            } catch { configuration.logger.error("Container \(id) could not be looked at: \(error)") }
        }
        for id in ended {
            let path = directories.containers.appending(id.description).appending("config.json")
            guard let record = try? await blocking({ () throws(ContainerError) in try ContainerRecord.read(path) }),
                record.restart == .always || record.restart == .unlessStopped
            else { continue }
            do throws(ContainerError) { try await restart(id) } catch {
                configuration.logger.error("Container \(id) could not be started again: \(error)")
                continue
            }
            // Nobody waits for it here.
            if record.startDeadline != nil { Task { await self.watchStart(of: id) } }
        }
    }

    private func watchStart(of id: ContainerID) async {
        do throws(ContainerError) {
            let container = try await reattach(id)
            defer { container.detach() }
            try await container.meetStartDeadline()
        } catch { configuration.logger.error("Container \(id) did not become ready: \(error)") }
    }

    private func exists(_ id: ContainerID) async throws(ContainerError) -> Bool {
        do throws(ShimError) {
            _ = try await supervisor.find(id)
            return true
        } catch {
            if error.code == .notFound { return false }
            throw ContainerError(error, container: id)
        }
    }
}
