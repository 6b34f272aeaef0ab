import BundleKit
import LinuxSystem
import OCIModel
import RuntimeChild
import RuntimeKit
import ShimChild
import ShimKit
import SystemPackage
import TestSupport
import Testing

/// A container with everything that an image's container has by default: cgroup, seccomp profile, masked paths.
@Suite("A container of the default configuration", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct DefaultConfigurationTests {
    private func run(
        _ fixture: ShimFixture, _ arguments: [String], _ options: BundleOptions = BundleOptions()
    ) async throws -> (ShimKit.ExitStatus, String) {
        let id = try #require(ContainerID("default"))
        var conversion = RuntimeConversion(image: ImageDefaults(command: arguments), options: options, containerID: id.description)
        conversion.rootPath = fixture.root.string
        let configuration = try await conversion.configuration(layers: [fixture.root])
        let host = CgroupHost.detect()
        let compiler = PlanCompiler(
            features: .detect(cgroups: host), cgroups: host, seccomp: SeccompCache(directory: nil))
        let plan = try compiler.compile(
            configuration, container: id, root: .directory(fixture.root),
            cgroupParent: CgroupParent(FilePath("/containerkit-test-shim")))
        if let cgroup = plan.cgroup { try host.prepare(for: cgroup) }
        var launch = ContainerLaunch(id: id, plan: plan)
        launch.streams = StreamPlans(input: .null, output: .pipe, error: .sameAsOutput)
        launch.removesItself = true
        let container = try await fixture.supervisor.launch(launch)
        let output = try await container.standardOutput.collect(limit: 1 << 20).bytes
        let status = try await container.wait().status
        try await container.waitUntilRemoved()
        host.removeParents()
        return (status, String(decoding: output, as: UTF8.self))
    }

    @Test func hello() async throws {
        try await ShimFixture.with { fixture in
            let (status, output) = try await run(fixture, ["/bin/echo", "hello"])
            #expect(status == .exited(0))
            #expect(output == "hello\n")
        }
    }

    @Test func confinement() async throws {
        try await ShimFixture.with { fixture in
            let (status, output) = try await run(
                fixture,
                [
                    "/bin/sh", "-c",
                    "cat /proc/self/status /proc/self/cgroup /proc/self/mountinfo /proc/self/limits; ls -l /proc/self/fd /dev",
                ])
            #expect(status == .exited(0))
            #expect(output.contains("CapEff:\t00000000a80425fb"))
            #expect(output.contains("CapBnd:\t00000000a80425fb"))
            #expect(output.contains("CapInh:\t0000000000000000"))
            #expect(output.contains("CapAmb:\t0000000000000000"))
            #expect(output.contains("Seccomp:\t2"))
            #expect(output.contains("NoNewPrivs:\t1"))
            #expect(output.contains("SigBlk:\t0000000000000000"))
            #expect(output.contains("SigIgn:\t0000000000000000"))
            // Of every hierarchy, on v1 and v2, the container sees nothing above its own directory.
            #expect(output.contains("0::/\n"))
            for line in output.split(separator: "\n") where line.contains("memory:") && !line.hasPrefix("Lock") {
                #expect(line.hasSuffix(":/"))
            }
            #expect(!output.contains("containerkit"))
        }
    }

    @Test func outOfMemory() async throws {
        try await ShimFixture.with { fixture in
            var options = BundleOptions()
            options.resources.memory = 16 << 20
            options.resources.memorySwap = 16 << 20
            let (status, _) = try await run(fixture, ["/bin/sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done"], options)
            #expect(status == .outOfMemory)
        }
    }
}
