import ArgumentParser
import ContainerKit

/// `ck info`.
struct Info: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What this machine and this engine are.")

    mutating func run() async throws {
        try await EngineOptions.withEngine { engine in
            let features = engine.features()
            let containers = try await engine.containers.list()
            var table = TextTable(["Root", engine.configuration.root.string])
            table.add(["Run", engine.configuration.run.string])
            table.add(["Kernel", "\(features.release) (\(features.architecture))"])
            table.add(["Cgroups", "\(features.cgroupMode), \(features.cgroupControllers.joined(separator: " "))"])
            table.add(["Overlay", "\(features.hasOverlay)"])
            table.add(["Seccomp", "\(features.hasSeccompFilters)"])
            table.add(["User namespaces", "\(features.hasUserNamespaces)"])
            table.add(["Containers", "\(containers.count), running: \(containers.count { $0.isRunning })"])
            table.add(["Images", "\(try await engine.images.list().count)"])
            table.print()
        }
    }
}

/// `ck doctor`.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What is missing on this machine, and how to mend it.")

    mutating func run() throws {
        let features = HostFeatures.detect()
        for missing in features.missing {
            print("\(missing.isRequired ? "✘" : "!") \(missing.feature) is missing: \(missing.consequence).\n  \(missing.advice)")
        }
        if !features.isPrivileged {
            print("✘ CAP_SYS_ADMIN is missing: no container can be made; pulling and listing images work.\n  Run as root: `sudo ck …`.")
        }
        let isFit = features.isPrivileged && !features.missing.contains(where: \.isRequired)
        print(isFit ? "✔ Containers can run here." : "✘ Containers cannot run here yet.")
        if !isFit { throw ExitCode(1) }
    }
}
