internal import Glibc
internal import LinuxSystem
internal import ShimChild
internal import SystemPackage

/// Where the streams of one launch go, checked before anything is made.
struct StreamSetup: Sendable {
    private let input: ContainerConfiguration.StandardInput
    private let output: ContainerConfiguration.Output
    private let terminal: Bool
    private let fileSize: ByteCount
    /// What `.descriptor` streams refer to.
    private(set) var descriptors: [SharedDescriptor] = []

    init(_ configuration: ContainerConfiguration, _ form: LaunchForm) throws(ContainerError) {
        var output = configuration.output
        if output == .automatic {
            output = configuration.life == .durable && !configuration.terminal ? .file(nil) : form.output
        }
        try self.init(
            input: configuration.standardInput, output: output, terminal: configuration.terminal, collects: form.collects,
            fileSize: configuration.outputFileSize)
        try expectRestartable(configuration)
    }

    init(
        input: ContainerConfiguration.StandardInput, output: ContainerConfiguration.Output, terminal: Bool, collects: Bool,
        fileSize: ByteCount = .mebibytes(64)
    ) throws(ContainerError) {
        self.input = input
        self.output = output
        self.terminal = terminal
        self.fileSize = fileSize
        func refuse(_ field: String, _ reason: String) -> ContainerError { ContainerError(.configurationRefused, .option(field), reason) }
        if terminal {
            switch output {
            case .collect, .stream, .automatic, .log: break
            default: throw refuse("output", "with a terminal it can only be streamed, collected or logged: the terminal is one stream")
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
        if case .log(let options) = output, options.fileSize.rawValue < 4096 || !(1...1000).contains(options.fileCount) {
            throw refuse("output", "a log has 1 to 1000 files of at least 4 KiB")
        }
        if terminal { return }
        if case .descriptor(let descriptor) = input { descriptors.append(try Self.duplicate(descriptor, "standardInput")) }
        if case .descriptors(let output, let error) = output {
            descriptors.append(try Self.duplicate(output, "output"))
            descriptors.append(try Self.duplicate(error, "output"))
        }
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
        switch output {
        case .file(let path): path ?? directory.log
        case .log: directory.log
        default: nil
        }
    }

    /// Whether this program can see what the container writes.
    var isReadable: Bool {
        switch output {
        case .automatic, .stream, .file, .log: true
        case .collect, .discard, .inherit, .descriptors: false
        }
    }

    /// What the logger is asked for, if there is one.
    var logOptions: LogOptions? { if case .log(let options) = output { options } else { nil } }

    func logPlan(_ path: FilePath?) -> LogPlan? {
        guard let path else { return nil }
        guard let options = logOptions else {
            return LogPlan(form: .file, path: path.string, size: UInt64(clamping: fileSize.rawValue), count: 1)
        }
        return LogPlan(
            form: options.form == .json ? .json : .cri, path: path.string, size: UInt64(clamping: options.fileSize.rawValue),
            count: UInt32(clamping: options.fileCount))
    }

    /// A container that is started again by its supervisor has nobody to hand it streams the next time.
    private func expectRestartable(_ configuration: ContainerConfiguration) throws(ContainerError) {
        if configuration.restart == .never { return }
        func refuse(_ reason: String) -> ContainerError { ContainerError(.configurationRefused, .option("restart"), reason) }
        if configuration.removesItself { throw refuse("what removes itself when it ends is not started again") }
        if case .onFailure(let most) = configuration.restart, most.map({ $0 < 1 }) ?? false {
            throw refuse("less than one restart is none")
        }
        switch output {
        case .file, .log, .discard: break
        default: throw refuse("the output has to go to a file, a log or nowhere: each start has streams of its own")
        }
        if input != .empty && !terminal { throw refuse("standard input has to be empty: each start has streams of its own") }
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
        case .automatic, .collect, .stream, .log: (plans.output, plans.error) = (.pipe, .pipe)
        case .file: (plans.output, plans.error) = (log.map { .file($0.string) } ?? .null, .sameAsOutput)
        case .discard: (plans.output, plans.error) = (.null, .null)
        case .inherit, .descriptors: (plans.output, plans.error) = (take(), take())
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
