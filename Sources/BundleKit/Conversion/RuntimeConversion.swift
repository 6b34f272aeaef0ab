internal import BundleChild
internal import Glibc
internal import LinuxSystem
public import OCIModel
public import SystemPackage

/// Turns an image's configuration and a user's options into the runtime configuration of a container.
public struct RuntimeConversion: Sendable {
    public var image: ImageDefaults
    public var options: BundleOptions
    /// Becomes the host name unless the options give one.
    public var containerID: String
    /// `root.path` of the result.
    public var rootPath = "rootfs"
    /// `linux.cgroupsPath` of the result.
    public var cgroupsPath: String?

    /// A conversion of an image's own configuration.
    public init(_ configuration: ImageConfiguration, options: BundleOptions, containerID: String) {
        self.init(image: ImageDefaults(configuration), options: options, containerID: containerID)
    }

    public init(image: ImageDefaults, options: BundleOptions, containerID: String) {
        self.image = image
        self.options = options
        self.containerID = containerID
    }

    /// The signal that asks the container to stop: the options', else the image's, else SIGTERM.
    /// - Throws: `.invalidOption` where the image names no signal.
    public func stopSignal() throws(BundleError) -> Signal {
        if let signal = options.stopSignal { return signal }
        guard let text = image.stopSignal else { return .terminate }
        guard let signal = Signal(text) else {
            throw BundleError(.invalidOption, .option("stopSignal"), "The image's \(text) is no signal; see signal(7).")
        }
        return signal
    }

    /// The configuration, with the user looked up in the image's layers.
    ///
    /// Opens and reads files of the layers, on a thread of its own.
    /// - Throws: `.noCommand`, `.unknownUser`, `.invalidOption`, `.storage`.
    public func configuration(for unpacked: UnpackedImage) async throws(BundleError) -> RuntimeConfiguration {
        try await configuration(layers: unpacked.lowerDirectories)
    }

    /// The same from directories in overlay form, topmost first (one plain root directory will do).
    public func configuration(layers: [FilePath]) async throws(BundleError) -> RuntimeConfiguration {
        try await BlockingWork.run { () throws(BundleError) in
            var opened: [SharedDescriptor] = []
            for layer in layers {
                do throws(Errno) { opened.append(SharedDescriptor(try OwnedDescriptor.open(layer.string, flags: O_DIRECTORY))) } catch {
                    throw .storage(error, layer)
                }
            }
            let user = try UserResolution.resolve(
                options.user ?? image.user, extra: options.additionalGroups, in: MergedTree(opened))
            return try configuration(user)
        }
    }

    /// The same with a user that is known already: nothing is opened.
    package func configuration(_ user: ResolvedUser) throws(BundleError) -> RuntimeConfiguration {
        let hostname = try hostname()
        let capabilities = try CapabilitySet.resolve(options.security)
        var process = RuntimeConfiguration.Process(cwd: try ProcessConversion.workingDirectory(image, options))
        process.terminal = options.terminal ? true : nil
        process.args = try ProcessConversion.arguments(image, options)
        process.env = try ProcessConversion.environment(image, options, hostname: hostname, home: user.home)
        process.user = .init(
            uid: user.user, gid: user.group, additionalGids: user.additionalGroups.isEmpty ? nil : user.additionalGroups)
        // For another user than root the effective set is empty, as after execve(2); the bounding set is what set-user-id may regain.
        let held = user.user == 0 ? capabilities : []
        process.capabilities = .init(bounding: capabilities, effective: held, inheritable: [], permitted: held, ambient: [])
        process.rlimits = options.resourceLimits.isEmpty ? nil : options.resourceLimits
        process.noNewPrivileges = options.security.noNewPrivileges
        guard (-1000...1000).contains(options.oomScoreAdjustment) else {
            throw BundleError(.invalidOption, .option("oomScoreAdjustment"), "\(options.oomScoreAdjustment) lies outside of -1000…1000.")
        }
        process.oomScoreAdj = options.oomScoreAdjustment

        var linux = RuntimeConfiguration.Linux()
        linux.namespaces = namespaces()
        linux.cgroupsPath = cgroupsPath
        linux.resources = try ResourceConversion.convert(options.resources)
        linux.seccomp =
            switch options.security.systemCalls {
            case .standard: DefaultSeccompProfile.configuration(capabilities: capabilities)
            case .unconfined: nil
            case .custom(let profile): profile
            }
        // A network namespace of its own has parameters of its own; one that is joined belongs to others.
        let parameters = options.network == .none ? Defaults.networkParameters : [:]
        let sysctls = parameters.merging(options.sysctls) { $1 }
        linux.sysctl = sysctls.isEmpty ? nil : sysctls
        linux.maskedPaths = Defaults.maskedPaths
        linux.readonlyPaths = Defaults.readonlyPaths

        let annotations = image.annotations.merging(image.labels) { $1 }.merging(options.labels) { $1 }.merging(options.annotations) { $1 }
        return RuntimeConfiguration(
            root: .init(path: rootPath, readonly: options.readOnlyRoot), mounts: try mounts(), process: process, hostname: hostname,
            annotations: annotations.isEmpty ? nil : annotations, linux: linux)
    }

    private func hostname() throws(BundleError) -> String {
        let name = options.hostname ?? String(containerID.prefix(12))
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }) else {
            throw BundleError(
                .invalidOption, .option("hostname"), "\(name.debugDescription) is no name of 1 to 64 visible ASCII characters.")
        }
        return name
    }

    private func namespaces() -> [RuntimeConfiguration.Namespace] {
        var namespaces: [RuntimeConfiguration.Namespace] = [
            .init(type: .mount), .init(type: .uts), .init(type: .pid), .init(type: .ipc), .init(type: .cgroup),
        ]
        switch options.network {
        case .none: namespaces.append(.init(type: .network))
        case .namespace(let path): namespaces.append(.init(type: .network, path: path.string))
        case .host: break
        }
        return namespaces
    }

    private func mounts() throws(BundleError) -> [RuntimeConfiguration.MountEntry] {
        guard options.sharedMemorySize > 0 else { throw BundleError(.invalidOption, .option("sharedMemorySize"), "It is 0.") }
        var mounts = Defaults.mounts(sharedMemory: options.sharedMemorySize)
        var taken: Set<String> = []
        var own: [RuntimeConfiguration.MountEntry] = []
        for mount in options.mounts {
            let destination = try normal(mount.destination)
            guard taken.insert(destination).inserted else {
                throw BundleError(.invalidOption, .option("mounts"), "\(destination) is mounted twice.")
            }
            mounts.removeAll { $0.destination == destination }
            switch mount {
            case .bind(let source, _, let readOnly):
                guard source.isAbsolute else {
                    throw BundleError(.invalidOption, .option("mounts"), "The source \(source) of \(destination) is not absolute.")
                }
                own.append(
                    .init(
                        destination: destination, type: "bind", source: source.string,
                        options: ["rbind", "rprivate"] + (readOnly ? ["ro"] : ["rw"])))
            case .temporary(_, let size, let mode):
                var words = ["nosuid", "nodev", "noexec", "mode=\(String(mode & 0o7777, radix: 8))"]
                if let size { words.append("size=\(size)") }
                own.append(.init(destination: destination, type: "tmpfs", source: "tmpfs", options: words))
            }
        }
        // Parents before what lies in them.
        return mounts + own.sorted { $0.destination.split(separator: "/").count < $1.destination.split(separator: "/").count }
    }

    /// An absolute path without `.`, `..` and doubled slashes.
    private func normal(_ path: String) throws(BundleError) -> String {
        let parts = path.split(separator: "/")
        guard path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !path.utf8.contains(0) else {
            throw BundleError(.invalidOption, .option("mounts"), "The destination \(path.debugDescription) is no absolute path below /.")
        }
        return "/" + parts.filter { $0 != "." }.joined(separator: "/")
    }
}
