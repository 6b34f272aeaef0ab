import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: hooks", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandHookTests {
    /// A hook that writes its name, and in which mount namespace it runs, to a file.
    private func hook(_ name: String, _ file: FilePath, exit: Int = 0, timeout: Int? = nil, then: String = "true")
        -> RuntimeConfiguration.Hook
    {
        .init(
            path: "/bin/busybox",
            args: ["sh", "-c", "echo \(name) $KEY >> \(file); cat > \(file).\(name); \(then); exit \(exit)"],
            env: ["PATH=/bin:/usr/bin", "KEY=value"], timeout: timeout)
    }

    @Test func allRunInTheirOrderWithTheStateOnInput() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let file = bundle.directory.appending("log")
            try Files.write("", to: file)
            let result = try bundle.run("true") {
                $0.hooks = .init(
                    prestart: [hook("prestart", file)], createRuntime: [hook("createRuntime", file)],
                    createContainer: [hook("createContainer", file)],
                    startContainer: [.init(path: "/bin/sh", args: ["sh", "-c", "echo ran > /startContainer"], env: ["PATH=/bin"])],
                    poststart: [hook("poststart", file)], poststop: [hook("poststop", file)])
            }
            #expect(result.status == 0, "\(result.standardError)")
            #expect(
                try Files.text(file).split(separator: "\n")
                    == ["prestart value", "createRuntime value", "createContainer value", "poststart value", "poststop value"])
            #expect(try Files.text(bundle.rootfs.appending("startContainer")) == "ran\n")
            let state = try Files.text(FilePath(file.string + ".prestart"))
            #expect(state.contains(bundle.id) && state.contains("\"pid\":") && state.contains("\"bundle\":"))
            #expect(!state.contains("\"pid\":0"))
        }
    }

    @Test func aFailedHookEndsTheContainer() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let file = bundle.directory.appending("log")
            for kind in ["createRuntime", "createContainer"] {
                let result = try bundle.run("echo > /ran") {
                    $0.hooks = .init()
                    if kind == "createRuntime" {
                        $0.hooks?.createRuntime = [hook(kind, file, exit: 3)]
                    } else {
                        $0.hooks?.createContainer = [hook(kind, file, exit: 3)]
                    }
                }
                #expect(result.status != 0)
                #expect(!Files.exists(bundle.rootfs.appending("ran")))
                #expect(try bundle.runtime("state", bundle.id).status != 0)
            }
        }
    }

    @Test func aHookThatTakesTooLongIsKilled() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let file = bundle.directory.appending("log")
            let clock = ContinuousClock()
            let start = clock.now
            let result = try bundle.run("true") { $0.hooks = .init(createRuntime: [hook("slow", file, timeout: 1, then: "exec sleep 20")]) }
            #expect(result.status != 0)
            #expect(clock.now - start < .seconds(8))
        }
    }
}
