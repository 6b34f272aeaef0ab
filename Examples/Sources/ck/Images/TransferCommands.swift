import ArgumentParser
import ContainerKit
import Glibc

/// `ck push`.
struct Push: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Push an image into a registry.")

    @Option(help: "Its name in the registry; the same by default.") var to: String?
    @Argument var image: String

    mutating func run() async throws {
        let (image, to) = (image, to)
        try await EngineOptions.withEngine { engine in
            let pushed = try await TransferDisplay.show { try await engine.images.push(image, to: to, progress: $0) }
            print(pushed.digest)
        }
    }
}

/// `ck tag`.
struct Tag: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give an image one more name.")

    @Argument var image: String
    @Argument(help: "The further name.") var name: String

    mutating func run() async throws {
        let (image, name) = (image, name)
        try await EngineOptions.withEngine { try await $0.images.tag(image, as: name) }
    }
}

/// `ck save`.
struct Save: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write images into a tar archive that `docker load` reads.")

    @Option(name: .shortAndLong, help: "The file.") var output: String
    @Argument var images: [String]

    mutating func run() async throws {
        let (output, images) = (output, images)
        try await EngineOptions.withEngine { engine in
            try await TransferDisplay.show { try await engine.images.save(images, to: FilePath(output), progress: $0) }
        }
    }
}

/// `ck load`.
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take over the images of a tar archive, as `docker save` writes it.")

    @Option(name: .shortAndLong, help: "The file.") var input: String

    mutating func run() async throws {
        let input = input
        try await EngineOptions.withEngine { engine in
            let names = try await TransferDisplay.show { try await engine.images.load(FilePath(input), progress: $0) }
            for name in names { print("Loaded image: \(name.familiar)") }
        }
    }
}

/// `ck login`.
struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Log in to a registry; the password comes from the terminal or standard input.")

    @Option(name: .shortAndLong) var username: String
    @Flag(help: "Read the password from standard input, without asking.") var passwordStdin = false
    @Argument(help: "docker.io by default.") var registry = "docker.io"

    mutating func run() async throws {
        let (username, registry) = (username, registry)
        let password = try readPassword()
        try await EngineOptions.withEngine { engine in
            let isKept = try await engine.images.login(registry, RegistryCredentials(username: username, password: password))
            if !isKept { Report.write("The password lies in config.json, not encrypted. A credential helper would keep it safe.\n") }
        }
        print("Login Succeeded")
    }

    private func readPassword() throws -> String {
        let asks = !passwordStdin && isatty(0) == 1
        var settings = termios()
        if asks {
            Report.write("Password: ")
            tcgetattr(0, &settings)
            var silent = settings
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(0, TCSAFLUSH, &silent)
        }
        defer {
            if asks {
                tcsetattr(0, TCSAFLUSH, &settings)
                Report.write("\n")
            }
        }
        guard let line = readLine(), !line.isEmpty else { throw ValidationError("There is no password on standard input.") }
        return line
    }
}

/// `ck logout`.
struct Logout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Forget the credentials of a registry.")

    @Argument(help: "docker.io by default.") var registry = "docker.io"

    mutating func run() async throws {
        let registry = registry
        let had = try await EngineOptions.withEngine { try await $0.images.logout(registry) }
        print(had ? "Removing login credentials for \(registry)" : "Not logged in to \(registry)")
    }
}

/// `ck system`.
struct SystemGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system", abstract: "What images take on the disk.",
        subcommands: [DiskUse.self, Prune.self, Verify.self])

    /// `ck system df`.
    struct DiskUse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "df", abstract: "What images take on the disk.")

        mutating func run() async throws {
            let usage = try await EngineOptions.withEngine { try await $0.images.usage() }
            var table = TextTable(["IMAGE", "SIZE", "UNIQUE"])
            for image in usage.images { table.add([image.reference.familiar, "\(image.size)", "\(image.unique)"]) }
            table.add(["blobs: \(usage.blobCount)", "\(usage.blobs)", ""])
            table.add(["reclaimable", "\(usage.reclaimable)", ""])
            table.add(["partial downloads", "\(usage.partialDownloads)", ""])
            table.print()
        }
    }

    /// `ck system prune`.
    struct Prune: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove blobs and layers that no image or container needs, and downloads that broke off.")

        mutating func run() async throws {
            let freed = try await EngineOptions.withEngine { try await $0.images.prune() }
            print("Total reclaimed space: \(freed)")
        }
    }

    /// `ck system verify`.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read every blob and tell what is wrong.")

        @Flag(help: "Remove what is damaged; the next pull brings it anew.") var repair = false

        mutating func run() async throws {
            let repair = repair
            let report = try await EngineOptions.withEngine { try await $0.images.verify(repair: repair) }
            for problem in report.problems { print(problem) }
            print("\(report.blobs) blobs, \(report.bytes), \(report.problems.count) problems\(report.isRepaired ? ", repaired" : "")")
            if !report.isClean, !repair { throw ExitCode(1) }
        }
    }
}
