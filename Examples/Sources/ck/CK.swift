import ArgumentParser
import ContainerKit
import Glibc

/// A command line in Docker's manner, on this package: no daemon behind it.
@main
struct CK: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ck", abstract: "Containers without a daemon.",
        usage: "ck [--root <dir>] [--run-root <dir>] [--plain-http <registry>] [--ca-file <pem>] [--cgroup-parent <path>] <subcommand>",
        discussion: EngineOptions.help,
        subcommands: [
            Run.self, Attach.self, Start.self, Exec.self, ListContainers.self, Logs.self, Stats.self, Pause.self, Unpause.self, Stop.self,
            Kill.self, RemoveContainers.self, Commit.self, Pull.self, Images.self, RemoveImages.self, Import.self, Push.self, Tag.self,
            Save.self, Load.self, Login.self, Logout.self, Info.self, Doctor.self, SystemGroup.self, ContainerGroup.self, ImageGroup.self,
        ])

    static func main() async {
        do {
            let arguments = try EngineOptions.take(from: Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch let error as ContainerError {
            Report.failure("\(error)")
            Glibc.exit(125)
        } catch {
            // Wrong usage is what Docker answers with 125.
            let code = exitCode(for: error)
            if code == .validationFailure {
                Report.failure(fullMessage(for: error))
                Glibc.exit(125)
            }
            exit(withError: error)
        }
    }
}

/// `ck container run` and so on.
struct ContainerGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "container", abstract: "The same commands by their long names.",
        subcommands: [
            Run.self, Attach.self, Start.self, Exec.self, ListContainers.self, Logs.self, Stats.self, Pause.self, Unpause.self, Stop.self,
            Kill.self, RemoveContainers.self, Commit.self,
        ])
}

/// `ck image pull` and so on.
struct ImageGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Commands for images.",
        subcommands: [
            Pull.self, Images.self, RemoveImages.self, Import.self, Push.self, Tag.self, Save.self, Load.self,
        ])
}

/// What a person reads on standard error.
enum Report {
    static func failure(_ text: String) { write("ck: \(text)\n") }

    static func write(_ text: String) { write(Array(text.utf8), to: 2) }

    /// Everything, or as much as the other side takes.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno != EINTR { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
