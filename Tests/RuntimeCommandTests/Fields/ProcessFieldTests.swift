import OCIModel
import TestSupport
import Testing

@Suite("Command: process fields", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandProcessFieldTests {
    private func output(_ script: String, _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) async throws -> String {
        try await withCleanup { try CommandBundle($0).output(script, change) }
    }

    @Test func idsAndGroups() async throws {
        let text = try await output("id -u; id -g; grep Groups: /proc/self/status | tr -d '\\t'") {
            $0.process?.user = .init(uid: 1000, gid: 50, additionalGids: [7, 9])
        }
        #expect(text.replacing(" ", with: ",").hasPrefix("1000\n50\nGroups:"))
        #expect(text.contains("7") && text.contains("9"))
    }

    @Test func umask() async throws {
        #expect(try await output("umask") { $0.process?.user?.umask = 0o027 } == "0027")
    }

    @Test func argumentsAreNotJoined() async throws {
        #expect(try await output("") { $0.process?.args = ["/bin/printf", "%s|", "a b", "", "c"] } == "a b||c|")
    }

    @Test func programIsLookedUpInThePathOfTheContainer() async throws {
        #expect(try await output("") { $0.process?.args = ["echo", "found"] } == "found")
    }

    @Test func environment() async throws {
        #expect(
            try await output("env | grep -v -e SHLVL -e PWD= | sort") { $0.process?.env = ["PATH=/bin", "HOME=/", "A=1 2"] }
                == "A=1 2\nHOME=/\nPATH=/bin")
    }

    @Test func workingDirectory() async throws {
        #expect(try await output("pwd") { $0.process?.cwd = "/tmp" } == "/tmp")
        // Docker's images name directories that they do not have.
        #expect(try await output("pwd") { $0.process?.cwd = "/made/here" } == "/made/here")
    }

    @Test func capabilities() async throws {
        let text = try await output("grep Cap /proc/self/status | tr -d '\\t'") {
            $0.process?.capabilities = .init(
                bounding: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"])
        }
        #expect(text.contains("CapBnd:0000000000000021"))
        #expect(text.contains("CapEff:0000000000000020"))
        #expect(text.contains("CapPrm:0000000000000020"))
        #expect(text.contains("CapInh:0000000000000000"))
        #expect(text.contains("CapAmb:0000000000000000"))
    }

    @Test func ambientCapabilitiesReachAnotherUser() async throws {
        let text = try await output("grep CapEff /proc/self/status | tr -d '\\t'") {
            let sets = ["CAP_NET_BIND_SERVICE"]
            $0.process?.capabilities = .init(bounding: sets, effective: sets, inheritable: sets, permitted: sets, ambient: sets)
            $0.process?.user = .init(uid: 1000, gid: 1000)
        }
        #expect(text == "CapEff:0000000000000400")
    }

    @Test(.ckrunOnly) func unknownCapabilityIsRefusedByName() async throws {
        try await withCleanup { cleanup in
            let result = try CommandBundle(cleanup).run("true") { $0.process?.capabilities?.bounding = ["CAP_NONESUCH"] }
            #expect(result.status == 1)
            #expect(result.standardError.contains("process.capabilities.bounding[0]"))
        }
    }

    @Test func limits() async throws {
        #expect(
            try await output("ulimit -S -n; ulimit -H -n") { $0.process?.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 256, hard: 512)] }
                == "256\n512")
    }

    @Test func noNewPrivileges() async throws {
        let script = "grep NoNewPrivs /proc/self/status | tr -d '\\t'"
        #expect(try await output(script) == "NoNewPrivs:1")
        #expect(try await output(script) { $0.process?.noNewPrivileges = false } == "NoNewPrivs:0")
    }

    @Test func oomScore() async throws {
        #expect(try await output("cat /proc/self/oom_score_adj") { $0.process?.oomScoreAdj = 321 } == "321")
    }

    @Test(.differs("runc", "crun", because: "signals 32 and 33, which their C library keeps for itself, stay ignored"))
    func signalsStartClean() async throws {
        let text = try await output("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'")
        #expect(text == "SigBlk:0000000000000000\nSigIgn:0000000000000000")
    }

    @Test func onlyStandardDescriptorsAreOpen() async throws {
        // The shell's own listing has one more, of the directory it reads.
        #expect(try await output("ls /proc/1/fd | tr '\\n' ' '").hasPrefix("0 1 2"))
        #expect(try await output("test ! -e /proc/1/fd/3 && echo none") == "none")
    }

    @Test func exitStatusAndSignal() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            #expect(try bundle.run("exit 42").status == 42)
            let killed = try bundle.run("kill -9 $$; sleep 9") { $0.linux?.namespaces?.removeAll { $0.type == .pid } }
            #expect(killed.status == 137)
        }
    }

    @Test(.differs("runc", because: "it knows the field since 1.2")) func personality() async throws {
        #expect(try await output("uname -m") { $0.linux?.personality = .init(domain: "LINUX32") } == "i686")
    }
}
