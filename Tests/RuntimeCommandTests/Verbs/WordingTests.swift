import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Engines look for these words.
@Suite("Command: words of failures", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandWordingTests {
    @Test(arguments: [
        ("nonesuch", "executable file not found in $PATH"), ("/nonesuch", "no such file or directory"),
        ("/etc/passwd", "permission denied"),
    ])
    func programsThatCannotRun(_ program: String, _ words: String) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let result = try bundle.run("") { $0.process?.args = [program] }
            #expect(result.status != 0)
            let isThere = result.standardError.lowercased().contains(words.lowercased())
            if program == "nonesuch" {
                try RuntimeUnderTest.differs("crun", because: "it has the name in the midst of these words") { #expect(isThere) }
            } else {
                #expect(isThere, "\(result.standardError)")
            }
            // Nothing is left, so the name is free.
            #expect(try bundle.run("exit 5").status == 5)
        }
    }

    @Test func execFailsWith255() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try bundle.runtime("exec", bundle.id, "nonesuch")
            #expect(result.status == 255)
            #expect(result.standardError.contains("executable file"))
        }
    }

    @Test(.differs("crun", because: "it names the file of its state that is missing")) func containersThatAreNotThere() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            for verb in ["state", "start", "delete", "pause", "kill"] {
                let result = try bundle.runtime(verb, bundle.id)
                #expect(result.status == 1, "\(verb)")
                #expect(result.standardError.contains("does not exist"), "\(verb): \(result.standardError)")
            }
            #expect(try bundle.runtime("delete", "--force", bundle.id).status == 0)
        }
    }

    @Test func namesThatAreTaken() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try bundle.runtime("run", "--bundle", bundle.directory.string, bundle.id)
            #expect(result.status == 1)
            #expect(result.standardError.contains("already exists") || result.standardError.contains("exists"))
            #expect(try bundle.state() == "running")
        }
    }

    @Test(.differs("crun", because: "it passes the kernel's words on")) func stoppedContainers() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start("true")
            try bundle.wait(for: "stopped")
            #expect(try bundle.runtime("kill", bundle.id, "TERM").standardError.contains("not running"))
            let exec = try bundle.runtime("exec", bundle.id, "/bin/true")
            #expect(exec.status != 0)
            if RuntimeUnderTest.isOurs { #expect(exec.standardError.contains("cannot exec in a stopped container")) }
        }
    }

    @Test(.ckrunOnly) func logOfAnEngine() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let log = bundle.directory.appending("log.json")
            let result = try bundle.runtime("--log", log.string, "--log-format", "json", "state", "nonesuch")
            #expect(result.status == 1)
            #expect(try Files.text(log).hasPrefix(#"{"level":"error","msg":"container does not exist","time":""#))
        }
    }
}
