internal import Glibc
internal import LinuxSystem
internal import ShimChild
internal import SystemPackage

/// Where the streams of one launch go, checked before anything is made.
struct StreamSetup: Sendable {
    private let input: ContainerConfiguration.StandardInput
    private let output: ContainerConfiguration.Output
    private let terminal: Bool
    /// What `.descriptor` streams refer to.
    private(set) var descriptors: [SharedDescriptor] = []

    init(_ configuration: ContainerConfiguration, _ form: LaunchForm) throws(ContainerError) {
        var output = configuration.output
        if output == .automatic {
            output = configuration.life == .durable && !configuration.terminal ? .file(nil) : form.output
        }
        try self.init(
            input: configuration.standardInput, output: output, terminal: configuration.terminal, collects: form.collects)
    }

    init(
        input: ContainerConfiguration.StandardInput, output: ContainerConfiguration.Output, terminal: Bool, collects: Bool
    ) throws(ContainerError) {
        self.input = input
        self.output = output
        self.terminal = terminal
        func refuse(_ field: String, _ reason: String) -> ContainerError { ContainerError(.configurationRefused, .option(field), reason) }
        if terminal {
            switch output {
            case .collect, .stream, .automatic: break
            default: throw refuse("output", "with a terminal it can only be streamed or collected: the terminal is one stream")
            }
            switch input {
            case .empty, .stream: break
            default: throw refuse("standardInput", "with a terminal it is the terminal's")
            }
        }
        if case .collect(let limit) = output {
            if !collects { throw refuse("output", "only `run` and `exec` collect; stream it and call `collect(limit:)`") }
            if limit < 0 { throw refuse("output", "a limit below 0 makes no sense") }
        }
        if case .file(let path?) = output, !path.isAbsolute { throw refuse("output", "\(path) is not absolute") }
        if terminal { return }
        if case .descriptor(let descriptor) = input { descriptors.append(try Self.duplicate(descriptor, "standardInput")) }
        if output == .inherit {
            descriptors.append(try Self.duplicate(.standardOutput, "output"))
            descriptors.append(try Self.duplicate(.standardError, "output"))
        }
    }

    private static func duplicate(_ descriptor: FileDescriptor, _ field: String) throws(ContainerError) -> SharedDescriptor {
        let copy = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 10)
        guard copy >= 0 else {
            let error = Errno(rawValue: errno)
            throw ContainerError(.configurationRefused, .option(field), "descriptor \(descriptor.rawValue) cannot be used (\(error))")
        }
        return SharedDescriptor(OwnedDescriptor(copy))
    }

    func log(in directory: ContainerDirectory) -> FilePath? {
        guard case .file(let path) = output else { return nil }
        return path ?? directory.log
    }

    func plans(log: FilePath?) -> StreamPlans {
        if terminal { return StreamPlans() }
        var plans = StreamPlans()
        var next: UInt8 = 0
        func take() -> StreamPlan {
            defer { next += 1 }
            return .descriptor(next)
        }
        switch input {
        case .empty: plans.input = .null
        case .bytes, .stream: plans.input = .pipe
        case .descriptor: plans.input = take()
        }
        switch output {
        case .automatic, .collect, .stream: (plans.output, plans.error) = (.pipe, .pipe)
        case .file: (plans.output, plans.error) = (log.map { .file($0.string) } ?? .null, .sameAsOutput)
        case .discard: (plans.output, plans.error) = (.null, .null)
        case .inherit: (plans.output, plans.error) = (take(), take())
        }
        return plans
    }

    /// Bytes of each stream that a collecting form keeps; nil when there is nothing to collect.
    var limit: Int? {
        if case .collect(let limit) = output { limit } else { nil }
    }
}

extension LaunchForm {
    var collects: Bool {
        if case .collect = output { true } else { false }
    }
}
