import Glibc
import SystemPackage
import TestSupport
import Testing

/// A program of a user without privileges makes containers through a shim, which has no pid namespace of its own then.
@Suite(.needsRoot, .tags(.privileged), .serialized, .leakChecked)
struct UnprivilegedShimTests {
    private static let user: UInt32 = 65534

    @Test(arguments: ["shim", "program"]) func promise5WithoutPrivilegesTheyEndWithTheirKeepers(_ killed: String) async throws {
        try await TestDirectory.with { directory in
            let root = directory.appending("root")
            try TestRootFileSystem.make(at: root)
            for name in ["run", "scratch"] { try TestDirectory.create(directory.appending(name)) }
            let test = Files.link("/proc/self/exe") ?? ""
            let program = directory.appending("probe").string
            _ = try Command.run("cp", FilePath(test).removingLastComponent().appending("ShimProbe").string, program)
            _ = try Command.run("chown", "-R", "\(Self.user):\(Self.user)", directory.string)
            let process = try ChildProcess(
                Command([
                    "setpriv", "--reuid=\(Self.user)", "--regid=\(Self.user)", "--clear-groups", program, "unprivileged",
                    directory.appending("run").string, root.string, directory.appending("scratch").string,
                ]))
            defer { process.stop() }
            #expect(Self.until { String(decoding: process.output(), as: UTF8.self).contains("running unprivileged-16") })
            let text = String(decoding: process.output(), as: UTF8.self)
            #expect(text.contains("0\n 0 \(Self.user) 1\n\nexited(0)\n"), "\(text) \(String(decoding: process.errors(), as: UTF8.self))")
            #expect(Self.until { Self.container() != nil })
            let container = try #require(Self.container())
            #expect(Files.owner(FilePath("/proc/\(container)")) == Self.user)
            let shim = try #require(Self.pids { (try? Files.text(FilePath("/proc/\($0)/comm"))) == "ck-shim:unprivi\n" }.first)
            kill(killed == "shim" ? shim : process.pid, SIGKILL)
            #expect(Self.until { Self.container() == nil }, "the container has outlived its \(killed)")
        }
    }

    private static func container() -> Int32? {
        pids { (try? Files.text(FilePath("/proc/\($0)/cmdline"))) == "sleep\u{0}10071\u{0}" }.first
    }

    private static func pids(where condition: (Int32) -> Bool) -> [Int32] {
        (Files.names(in: "/proc") ?? []).compactMap { Int32($0) }.filter(condition)
    }

    /// Without the clock of tasks, whose descriptor would stay.
    private static func until(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }
}
