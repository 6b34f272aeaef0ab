import ArgumentParser
import ContainerKit

/// What a container is made with, as Docker spells it.
struct RunOptions: ParsableArguments {
    @Option(help: "Its name.") var name: String?
    @Option(name: .shortAndLong, help: "A variable, NAME=value; NAME alone takes this program's.") var env: [String] = []
    @Option(name: .shortAndLong, help: "A bind mount, /host:/inside[:ro].") var volume: [String] = []
    @Option(name: [.short, .long], help: "The working directory inside.") var workdir: String?
    @Option(name: .shortAndLong, help: "user[:group], names or ids.") var user: String?
    @Option(help: "A group besides the user's.") var groupAdd: [String] = []
    @Option(name: [.customLong("memory"), .customShort("m")], help: "Memory, 256m.") var memory: String?
    @Option(help: "Memory and swap together; -1 for any amount of swap.") var memorySwap: String?
    @Option(help: "Processors, 1.5.") var cpus: Double?
    @Option(help: "Relative weight of its share of the processors.") var cpuShares: UInt64?
    @Option(help: "Processors by number, 0-3.") var cpusetCpus: String?
    @Option(help: "Most processes and threads.") var pidsLimit: Int64?
    @Flag(help: "The root file system cannot be written.") var readOnly = false
    @Option(help: "none or host.") var network = "none"
    @Option(help: "Replaces the image's entrypoint.") var entrypoint: String?
    @Option(help: "A capability besides the usual ones.") var capAdd: [String] = []
    @Option(help: "A capability that it does not get; ALL for none.") var capDrop: [String] = []
    @Option(name: [.customLong("hostname"), .customShort("h")], help: "The name of the host inside.") var hostname: String?
    @Option(help: "A tmpfs, /path[:size=64m].") var tmpfs: [String] = []
    @Option(help: "Asks it to stop, SIGTERM.") var stopSignal: String?
    @Option(help: "Seconds until a stop kills.") var stopTimeout: Int?
    @Option(help: "A limit of setrlimit(2), nofile=1024[:2048].") var ulimit: [String] = []
    @Option(help: "A namespaced kernel parameter, name=value.") var sysctl: [String] = []
    @Option(help: "Size of /dev/shm.") var shmSize: String?
    @Option(name: [.customLong("label"), .customShort("l")], help: "A label, name=value.") var label: [String] = []
    @Option(help: "no-new-privileges[=false] or seccomp=unconfined.") var securityOpt: [String] = []
    @Option(help: "-1000 to 1000.") var oomScoreAdj: Int?
    @Flag(name: .customLong("init"), help: "An init as process 1: it reaps and hands signals on.") var addsInit = false
    @Option(help: "no, on-failure[:count], always or unless-stopped.") var restart = "no"
    @Option(help: "A command that tells whether it is well.") var healthCmd: String?
    @Option(help: "Seconds between checks.") var healthInterval: Double?
    @Option(help: "Seconds that a check may take.") var healthTimeout: Double?
    @Option(help: "Failures in a row until it is unhealthy.") var healthRetries: Int?
    @Flag(help: "No health checks, whatever the image says.") var noHealthcheck = false
    @Option(help: "json-file or cri.") var logDriver = "json-file"
    @Option(help: "max-size=16m or max-file=4.") var logOpt: [String] = []

    /// How the log is kept.
    func log() throws -> LogOptions {
        var log = LogOptions()
        switch logDriver {
        case "json-file": log.form = .json
        case "cri": log.form = .cri
        default: throw ValidationError("--log-driver takes json-file or cri.")
        }
        for entry in logOpt {
            let (name, value) = try Self.pair(entry, "--log-opt")
            switch name {
            case "max-size": log.fileSize = try Self.bytes(value)
            case "max-file":
                guard let count = Int(value) else { throw ValidationError("--log-opt max-file takes a number.") }
                log.fileCount = count
            default: throw ValidationError("--log-opt \(name) is not supported.")
            }
        }
        return log
    }

    private static func policy(_ text: String) throws -> RestartPolicy {
        switch text {
        case "no": return .never
        case "always": return .always
        case "unless-stopped": return .unlessStopped
        case "on-failure": return .onFailure()
        default:
            guard text.hasPrefix("on-failure:"), let count = Int(text.dropFirst(11)) else {
                throw ValidationError("--restart takes no, on-failure[:count], always or unless-stopped.")
            }
            return .onFailure(atMost: count)
        }
    }

    private func health() -> HealthCheck? {
        if noHealthcheck { return HealthCheck.none }
        guard let healthCmd else { return nil }
        var check = HealthCheck(shell: healthCmd)
        if let healthInterval { check.interval = .seconds(healthInterval) }
        if let healthTimeout { check.timeout = .seconds(healthTimeout) }
        if let healthRetries { check.retries = healthRetries }
        return check
    }

    func apply(to configuration: inout ContainerConfiguration) throws {
        if let name {
            guard let id = ContainerID(name) else { throw ValidationError("\(name) is no name: letters, digits, _ . - +.") }
            configuration.name = id
        }
        configuration.environment = try Self.environment(env)
        configuration.mounts = try volume.map(Self.bind) + tmpfs.map(Self.temporary)
        configuration.workingDirectory = workdir
        configuration.user = user
        configuration.additionalGroups = groupAdd
        configuration.resources.memory = try memory.map(Self.bytes)
        configuration.resources.memorySwap = try memorySwap.map { $0 == "-1" ? .bytes(-1) : try Self.bytes($0) }
        configuration.resources.cpus = cpus
        configuration.resources.cpuShares = cpuShares
        configuration.resources.cpusetCPUs = cpusetCpus
        configuration.resources.pids = pidsLimit
        configuration.readOnlyRoot = readOnly
        switch network {
        case "none": configuration.network = .none
        case "host": configuration.network = .host
        default: throw ValidationError("--network takes none or host.")
        }
        if let entrypoint { configuration.entrypoint = entrypoint.isEmpty ? [] : [entrypoint] }
        configuration.security.addedCapabilities = capAdd
        configuration.security.droppedCapabilities = capDrop
        configuration.hostname = hostname
        if let stopSignal {
            guard let signal = Signal(stopSignal) else { throw ValidationError("\(stopSignal) is no signal.") }
            configuration.stopSignal = signal
        }
        if let stopTimeout { configuration.stopGracePeriod = .seconds(stopTimeout) }
        configuration.resourceLimits = try ulimit.map(Self.limit)
        for entry in sysctl {
            let (name, value) = try Self.pair(entry, "--sysctl")
            configuration.sysctls[name] = value
        }
        if let shmSize { configuration.sharedMemorySize = try Self.bytes(shmSize) }
        for entry in label {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            configuration.labels[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        for option in securityOpt {
            switch option {
            case "no-new-privileges", "no-new-privileges=true", "no-new-privileges:true": configuration.security.noNewPrivileges = true
            case "no-new-privileges=false", "no-new-privileges:false": configuration.security.noNewPrivileges = false
            case "seccomp=unconfined", "seccomp:unconfined": configuration.security.systemCalls = .unconfined
            default: throw ValidationError("--security-opt \(option) is not supported.")
            }
        }
        if let oomScoreAdj { configuration.oomScoreAdjustment = oomScoreAdj }
        configuration.reapsChildren = addsInit
        configuration.restart = try Self.policy(restart)
        configuration.healthCheck = health()
    }

    static func environment(_ entries: [String]) throws -> [String: String] {
        var result: [String: String] = [:]
        for entry in entries {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 2 { result[parts[0]] = parts[1] } else if let value = ProcessEnvironment[entry] { result[entry] = value }
        }
        return result
    }

    private static func pair(_ text: String, _ option: String) throws -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else { throw ValidationError("\(option) takes name=value, not \(text).") }
        return (parts[0], parts[1])
    }

    static func bytes(_ text: String) throws -> ByteCount {
        guard let count = ByteCount(text) else { throw ValidationError("\(text) is no amount of memory: write 256m or 1g.") }
        return count
    }

    private static func bind(_ text: String) throws -> ContainerConfiguration.Mount {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), parts[0].hasPrefix("/") else {
            throw ValidationError("-v takes /host:/inside[:ro]; \(text) is none (there are no named volumes yet).")
        }
        switch parts.count == 3 ? parts[2] : "rw" {
        case "ro": return .bind(FilePath(parts[0]), to: parts[1], readOnly: true)
        case "rw": return .bind(FilePath(parts[0]), to: parts[1])
        default: throw ValidationError("-v \(text): only ro and rw are supported.")
        }
    }

    private static func temporary(_ text: String) throws -> ContainerConfiguration.Mount {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        var size: ByteCount?
        var mode: FilePermissions?
        for option in parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : [] {
            let (name, value) = try pair(option, "--tmpfs")
            switch name {
            case "size": size = try bytes(value)
            case "mode":
                guard let number = CModeT(value, radix: 8) else { throw ValidationError("--tmpfs \(text): \(value) is no octal mode.") }
                mode = FilePermissions(rawValue: number)
            default: throw ValidationError("--tmpfs \(text): \(name) is not supported.")
            }
        }
        if let mode { return .temporary(parts.first ?? "", size: size, mode: mode) }
        return .temporary(parts.first ?? "", size: size)
    }

    private static func limit(_ text: String) throws -> RuntimeConfiguration.ResourceLimit {
        let (name, value) = try pair(text, "--ulimit")
        func number(_ text: Substring) throws -> UInt64 {
            if text == "-1" || text == "unlimited" { return .max }
            guard let number = UInt64(text) else { throw ValidationError("--ulimit \(name): \(text) is no number.") }
            return number
        }
        let parts = value.split(separator: ":")
        guard let soft = parts.first else { throw ValidationError("--ulimit takes name=soft[:hard].") }
        return .init(type: "RLIMIT_" + name.uppercased(), soft: try number(soft), hard: try number(parts.count > 1 ? parts[1] : soft))
    }
}
