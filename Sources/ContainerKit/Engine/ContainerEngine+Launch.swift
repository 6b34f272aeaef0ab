internal import BundleKit
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild
internal import RuntimeKit
internal import ShimChild
internal import ShimKit
internal import SystemPackage

/// How a launch differs between the forms.
struct LaunchForm: Sendable {
    /// What `.automatic` means.
    var output: ContainerConfiguration.Output
    var isParked = false
}

extension ContainerEngine {
    /// The root file system of a container to be.
    func prepared(_ source: ContainerSource) async throws(ContainerError) -> PreparedImage {
        try expectOpen()
        try expectRights()
        return try await store.prepare(source)
    }

    /// Makes a container and, unless it is parked, starts it. Not on the caller's executor, where each step would wait for its turn.
    @concurrent
    func launch(
        _ image: PreparedImage, _ configuration: ContainerConfiguration, _ form: LaunchForm
    ) async throws(ContainerError) -> Container {
        try expectOpen()
        let id = configuration.name ?? Self.randomID()
        let plan = try StreamSetup(configuration, form)
        try configuration.expectMeetableDeadline(plan, collects: form.collects)
        let (prepared, supervised) = try await blocking { () throws(ContainerError) in
            let prepared = try self.prepare(image, configuration, id, plan)
            var launch = prepared.launch
            launch.isParked = form.isParked
            do throws(ShimError) { return (prepared, try self.supervisor.begin(launch)) } catch {
                var failure = ContainerError(error, container: id)
                do throws(Errno) { try prepared.directory.remove() } catch { failure.suppressed.append(error) }
                throw failure
            }
        }
        do throws(ShimError) { try await supervised.launched() } catch {
            var failure = ContainerError(error, container: id)
            do throws(ContainerError) {
                try await uncancelled { () throws(ContainerError) in
                    try await self.blocking { () throws(ContainerError) in
                        do throws(Errno) { try prepared.directory.remove() } catch {
                            if error != .noSuchFileOrDirectory { throw .storage(error, prepared.directory.path) }
                        }
                    }
                }
            } catch { failure.suppressed.append(error) }
            throw failure
        }
        // From here on the supervisor removes the directory.
        withExtendedLifetime(prepared.directory) {}
        do throws(ContainerError) { try adopt(supervised) } catch {
            await supervised.removeUncancelled()
            throw error
        }
        let input = StandardInputFeed(configuration.terminal ? .empty : configuration.standardInput)
        if !form.isParked { input.begin(supervised) }
        let container = Container(
            supervised, image: image.name, record: prepared.record, stopSignal: prepared.stopSignal,
            gracePeriod: configuration.stopGracePeriod, input: input, engine: self)
        if form.isParked { return container }
        container.beginHealthChecks()
        do throws(ContainerError) { try await container.meetStartDeadline() } catch { throw await container.removed(after: error) }
        return container
    }

    private struct Prepared: Sendable {
        var launch: ContainerLaunch
        var directory: ContainerDirectory
        var record: ContainerRecord
        var stopSignal: Signal
    }

    /// Everything before the launch that blocks, in one go. On a failure nothing is left.
    private func prepare(
        _ image: PreparedImage, _ configuration: ContainerConfiguration, _ id: ContainerID, _ streams: StreamSetup
    ) throws(ContainerError) -> Prepared {
        let volumes = try AnonymousVolumes(
            image.isImmutable ? image.defaults.volumes : [], of: configuration, in: directories.containers.appending(id.description))
        var options = try configuration.bundleOptions()
        options.mounts += volumes.mounts
        let conversion = RuntimeConversion(image: image.defaults, options: options, containerID: id.description)
        var runtime: RuntimeConfiguration
        let stopSignal: Signal
        do throws(BundleError) {
            let user = try users.user(configuration.user ?? image.defaults.user, groups: configuration.additionalGroups, in: image)
            runtime = try conversion.configuration(user)
            stopSignal = try conversion.stopSignal()
        } catch { throw ContainerError(error, image: image.name) }
        if configuration.terminal, let size = configuration.terminalSize {
            runtime.process?.consoleSize = .init(height: UInt64(size.rows), width: UInt64(size.columns))
        }
        if image.isImmutable, let obstacle = overlayObstacle { throw ContainerError(obstacle, image: image.name) }

        let directory = try ContainerDirectory(id.description, in: directories.containers, overlay: image.isImmutable)
        do throws(ContainerError) {
            try volumes.make()
            let root: RootSource =
                image.isImmutable
                ? .overlay(lower: image.lowerDirectories, upper: directory.upper, work: directory.work)
                : .directory(image.lowerDirectories.first ?? "/")
            let isDurable = configuration.life == .durable
            var (plan, scope) = try plan(
                runtime, id, root, volumes: volumes.destinations, isDurable: isDurable, gracePeriod: configuration.stopGracePeriod)

            if configuration.reapsChildren { try Self.addInit(to: &plan) }
            let log = streams.log(in: directory)
            var record = ContainerRecord(
                image: image.name, configuration: runtime, lowerDirectories: image.lowerDirectories.map(\.string),
                hasUpper: image.isImmutable, layers: image.keys.map(\.hex), manifest: image.manifest?.description,
                stopSignal: stopSignal.rawValue, stopGraceSeconds: configuration.stopGracePeriod / .seconds(1), log: log?.string,
                bootID: ContainerRecord.currentBootID)
            record.volumes = volumes.destinations
            record.logOptions = streams.logOptions
            record.restart = configuration.restart == .never ? nil : configuration.restart
            record.healthCheck = configuration.healthCheck ?? HealthCheck(image.defaults.healthcheck)
            record.reapsChildren = configuration.reapsChildren ? true : nil
            record.labels = configuration.labels
            record.createdAt = KernelClock.realtime()
            record.outputFileSize = configuration.outputFileSize
            record.startDeadline = configuration.startDeadline
            if isDurable || configuration.isShared { try record.write(to: directory.record) }

            var launch = ContainerLaunch(id: id, plan: plan)
            launch.streams = streams.plans(log: log)
            launch.descriptors = streams.descriptors
            launch.log = streams.logPlan(log)
            launch.restart = configuration.restart.plan
            launch.isDurable = isDurable
            launch.scope = scope
            launch.isAttachable = isDurable || configuration.isShared
            launch.removesItself = configuration.removesItself
            launch.directories = [directory.path]
            if launch.isAttachable {
                launch.details = record.details
            }
            return Prepared(launch: launch, directory: directory, record: record, stopSignal: stopSignal)
        } catch {
            var failure = error
            do throws(Errno) { try directory.remove() } catch { failure.suppressed.append(error) }
            throw failure
        }
    }

    /// The compiled plan of a container, and the scope that its supervisor goes into; what its cgroup needs above it is made. Blocks.
    func plan(
        _ runtime: RuntimeConfiguration, _ id: ContainerID, _ root: RootSource, volumes: Set<String>, isDurable: Bool, gracePeriod: Duration
    ) throws(ContainerError) -> (LaunchPlan, ScopePlan?) {
        do throws(RuntimeError) {
            var place = try placement.place(of: id, isDurable: isDurable, gracePeriod: gracePeriod)
            let plan = try compiler.compile(runtime, container: id, root: root, cgroupParent: place.parent, volumes: volumes)
            try placement.prepare(&place, for: plan.cgroup)
            return (plan, place.scope)
        } catch { throw ContainerError(error, container: id) }
    }

    /// Process 1 becomes ours. A container that may trace could read it, and with it what the host program had in memory.
    static func addInit(to plan: inout LaunchPlan) throws(ContainerError) {
        let traces: UInt64 = 1 << 19
        let sets = plan.process.capabilities
        guard (sets.bounding | sets.permitted | sets.ambient) & traces == 0 else {
            throw ContainerError(
                .configurationRefused, .option("reapsChildren"), "a container with CAP_SYS_PTRACE cannot have an init of ours")
        }
        // CLONE_NEWPID, see: man 2 clone.
        guard plan.namespaces.new & 0x2000_0000 != 0 else {
            throw ContainerError(.configurationRefused, .option("reapsChildren"), "it needs a pid namespace of its own")
        }
        plan.process.reapsChildren = true
    }

    /// Without root, containers are refused with what works without.
    func expectRights() throws(ContainerError) {
        if hostFeatures.isPrivileged { return }
        throw ContainerError(
            .hostUnsuitable, .engine, "this program may not make containers: it lacks CAP_SYS_ADMIN",
            advice: "Run it as root. Pulling, importing and listing images work without.")
    }

    /// 32 hexadecimal digits.
    private static func randomID() -> ContainerID {
        func digits(_ number: UInt64) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        while true {
            if let id = ContainerID(digits(.random(in: 0 ... .max)) + digits(.random(in: 0 ... .max))) { return id }
        }
    }
}
