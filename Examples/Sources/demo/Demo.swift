import ContainerKit
import Glibc

/// What `make demo` runs: pulls an image from the registry it is given, runs containers of it, and prints what happened and where the
/// time went. `demo <reference> <root> <run directory>`; it exits with 1 when something was not as it should be.
@main
struct Demo {
    private var failures = 0

    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 4 else {
            print("usage: demo <reference> <root> <run directory>")
            exit(64)
        }
        var demo = Demo()
        do {
            try await demo.run(arguments[1], root: FilePath(arguments[2]), run: FilePath(arguments[3]))
        } catch {
            demo.expect(false, "\(error)")
        }
        exit(demo.failures == 0 ? 0 : 1)
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let microseconds = duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
        return "\(microseconds / 1000).\(String(microseconds % 1000 + 1000).dropFirst())"
    }

    private func report(_ phase: String, _ duration: Duration, _ note: String = "") {
        let gap = String(repeating: " ", count: max(1, 12 - phase.count))
        print("   \(phase)\(gap)\(Self.milliseconds(duration)) ms\(note.isEmpty ? "" : "   \(note)")")
    }

    private mutating func expect(_ condition: Bool, _ what: String) {
        if !condition {
            print("   FAILED: \(what)")
            failures += 1
        }
    }

    private mutating func run(_ reference: String, root: FilePath, run: FilePath) async throws {
        let engine = try await ContainerEngine {
            $0.root = root
            $0.run = run
            $0.cgroupParent = "/containerkit-demo"
            $0.removesCgroupParent = true
        }
        do { try await steps(reference, engine) } catch {
            try await engine.shutdown()
            throw error
        }
        try await engine.shutdown()
    }

    private mutating func steps(_ reference: String, _ engine: ContainerEngine) async throws {
        print("-- pull \(reference)")
        let (image, timings, unpacking) = try await engine.images.pullTimed(reference)
        report("resolve", timings.resolve)
        report("download", timings.download, "\(timings.downloadedBytes)")
        report("unpack", unpacking, "\(image.manifest.layers.count) layers")

        print("-- run echo hello (the first container of this engine)")
        let first = try await engine.run(image, ["echo", "hello"])
        print("   \(first.status) \(first.standardOutput)", terminator: "")
        expect(first.status == .exited(0) && first.standardOutput == "hello\n", "echo printed `\(first.standardOutput)`")
        report("launch", first.timings.launch)
        report("exit", first.timings.running)
        report("removal", first.timings.removal)

        print("-- run echo hello (warm, the fastest of 20)")
        var fastest: RunTimings?
        for _ in 0..<20 {
            let timings = try await engine.run(image, ["echo", "hello"]).timings
            if let known = fastest, known.launch + known.running + known.removal <= timings.launch + timings.running + timings.removal {
                continue
            }
            fastest = timings
        }
        if let fastest { report("in all", fastest.launch + fastest.running + fastest.removal) }

        print("-- limits, read inside")
        let limits = try await engine.run(
            image,
            [
                "sh", "-c",
                """
                uname -r
                cd /sys/fs/cgroup
                for file in memory.max pids.max cpu.max; do [ ! -e $file ] || echo $file $(cat $file); done
                for file in memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us; do [ ! -e $file ] || echo $file $(cat $file); done
                """,
            ]
        ) {
            $0.resources.memory = .mebibytes(32)
            $0.resources.pids = 16
            $0.resources.cpus = 0.5
        }
        print(limits.standardOutput.split(separator: "\n").map { "   \($0)" }.joined(separator: "\n"))
        expect(limits.standardOutput.contains("33554432"), "the memory limit is not what was asked for")

        print("-- memory beyond the limit")
        let greedy = try await engine.run(image, ["sh", "-c", "x=0123456789abcdef; while :; do x=$x$x; done"]) {
            $0.resources.memory = .mebibytes(16)
            $0.resources.memorySwap = .mebibytes(16)
        }
        print("   \(greedy.status)")
        expect(greedy.status == .outOfMemory, "it ended with \(greedy.status)")

        print("-- more processes than the limit")
        let forks = try await engine.run(image, ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"]) {
            $0.resources.pids = 4
        }
        print("   \(forks.standardError.split(separator: "\n").first ?? "no message"), \(forks.status)")
        expect(forks.standardError.contains("fork"), "no fork was refused")

        print("-- a server without network, reached through its own namespace")
        try await engine.withContainer(image) {
            $0.command = ["nc", "-ll", "-p", "7000", "-e", "echo", "over a socket made inside"]
        } operation: { container in
            try await container.ready(.listening(on: 7000), within: .seconds(10))
            print("   port 7000 answers")
        }
    }
}
