import Glibc
import OCIModel
import RuntimeKit
import SystemPackage

/// `checkpoint` and `restore`.
enum CheckpointVerbs {
    private static let switches: Set<String> = ["tcp-established", "ext-unix-sk", "shell-job", "file-locks", "auto-dedup", "lazy-pages"]
    private static let valued: Set<String> = ["image-path", "work-path", "manage-cgroups-mode", "empty-ns"]

    static func checkpoint(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(
            words, verb: "checkpoint",
            switches: switches.union(["leave-running", "pre-dump", "link-remap", "tcp-skip-in-flight"]),
            valued: valued.union(["parent-path", "page-server", "status-fd"]))
        var options = try options(arguments)
        options.parent = arguments.value("parent-path").map { FilePath($0) }
        options.leavesRunning = arguments.has("leave-running")
        options.isPreDump = arguments.has("pre-dump")
        options.remapsLinks = arguments.has("link-remap")
        options.skipsConnectionsInFlight = arguments.has("tcp-skip-in-flight")
        options.pageServer = try arguments.value("page-server").map { try pageServer($0) }
        options.statusDescriptor = try arguments.number("status-fd", Int32.self).map { try statusDescriptor($0) }
        if options.isPreDump, options.isLazy { throw CommandFailure("--pre-dump and --lazy-pages exclude each other") }
        try runtime.checkpoint(Verb.container(arguments, "checkpoint"), options, interruption: .signals())
        return 0
    }

    static func restore(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try CreateVerb.parse(
            words, "restore", switches: switches, valued: valued.union(["lsm-profile", "lsm-mount-context"]))
        let id = try Verb.container(arguments, "restore")
        var options = try options(arguments)
        options.securityProfile = arguments.value("lsm-profile")
        options.securityMountContext = arguments.value("lsm-mount-context")
        let interruption = try Interruption.signals()
        return try CreateVerb.attend(id, "restore", arguments, runtime) {
            try runtime.restore(id, try CreateVerb.options(arguments), from: options, interruption: interruption)
        }
    }

    private static func options(_ arguments: Arguments) throws -> CheckpointOptions {
        var options = CheckpointOptions(images: FilePath(arguments.value("image-path") ?? "checkpoint"))
        options.work = arguments.value("work-path").map { FilePath($0) }
        options.keepsConnections = arguments.has("tcp-established")
        options.allowsExternalSockets = arguments.has("ext-unix-sk")
        options.isShellJob = arguments.has("shell-job")
        options.keepsFileLocks = arguments.has("file-locks")
        options.deduplicates = arguments.has("auto-dedup")
        options.isLazy = arguments.has("lazy-pages")
        for name in arguments.list("empty-ns") {
            guard name == "network" else { throw CommandFailure("namespace \(name) is not supported: only network can be left empty") }
            options.leavesNetworkEmpty = true
        }
        switch arguments.value("manage-cgroups-mode") ?? "soft" {
        case "ignore": options.cgroupMode = .ignore
        case "soft": options.cgroupMode = .soft
        case "full": options.cgroupMode = .full
        case "strict": options.cgroupMode = .strict
        case let other: throw CommandFailure("invalid manage-cgroups-mode value: \(other)")
        }
        return options
    }

    /// `ADDRESS:PORT`.
    private static func pageServer(_ text: String) throws -> CheckpointOptions.PageServer {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex else {
            throw CommandFailure("invalid page-server \"\(text)\": it is not of the form ADDRESS:PORT")
        }
        let port = try Arguments.number(String(text[text.index(after: colon)...]), UInt16.self, "page-server")
        return .init(address: String(text[..<colon]), port: port)
    }

    private static func statusDescriptor(_ number: Int32) throws -> FileDescriptor {
        let mode = fcntl(number, F_GETFL)
        guard mode >= 0, mode & O_ACCMODE != O_RDONLY else {
            throw CommandFailure("invalid --status-fd argument \(number): it is not open for writing")
        }
        return FileDescriptor(rawValue: number)
    }
}
