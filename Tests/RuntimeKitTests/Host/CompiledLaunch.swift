import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Compiled plans, carried out.
enum CompiledLaunch {
    /// Compiles a changed minimal configuration for this machine, runs a script in it, and takes the cgroups away.
    /// - Parameters:
    ///   - prepare: changes the root file system first.
    ///   - weaken: changes the compiled plan: what a test takes away to show that an attack would succeed without it.
    ///   - around: a command that runs the launcher, by its path and arguments.
    static func run(
        on host: CgroupHost = .detect(), around: [String] = [], _ script: String, _ change: (inout RuntimeConfiguration) -> Void = { _ in },
        prepare: (FilePath) throws -> Void = { _ in }, weaken: (inout LaunchPlan) -> Void = { _ in }
    ) async throws -> Command.Result {
        var configuration = Configurations.minimal
        configuration.process?.args = ["sh", "-c", script]
        configuration.process?.user = .init(uid: 0, gid: 0)
        change(&configuration)
        let parent = try CgroupParent(FilePath("/containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"))
        defer { host.removeParents() }
        var result: Command.Result?
        try await withProbe { probe, root throws in
            try prepare(root)
            var plan = try PlanCompiler(
                features: .detect(cgroups: host), cgroups: host, seccomp: SeccompCache(directory: nil)
            ).compile(configuration, container: try #require(ContainerID("one")), root: .directory(root), cgroupParent: parent)
            weaken(&plan)
            if let cgroup = plan.cgroup { try host.prepare(for: cgroup) }
            result = try probe.run("run", plan, around: around)
        }
        return try #require(result)
    }
}
