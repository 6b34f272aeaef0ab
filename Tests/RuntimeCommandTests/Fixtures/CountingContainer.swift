import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// A container that counts as long as it lives, in a file of its root and in one of the host: so a restored one shows that it goes on
/// instead of beginning anew.
struct CountingContainer {
    /// Nil where criu is not installed.
    static let criuWorks: Bool? = Command.find("criu").map { program in
        (try? Command([program, "check"], timeout: .seconds(120)).run().status) == 0
    }

    static let counting = "i=0; while true; do i=$((i+1)); echo $i > /count; echo $i > /data/count; sleep 0.1; done"

    let bundle: CommandBundle
    let host: FilePath

    init(_ cleanup: Cleanup) throws {
        bundle = try CommandBundle(cleanup)
        host = try cleanup.directory("host")
    }

    var images: FilePath { bundle.directory.appending("images") }
    var count: Int { number(in: host.appending("count")) }
    var countInRoot: Int { number(in: bundle.rootfs.appending("count")) }

    func number(in file: FilePath) -> Int { (try? Files.text(file)).flatMap { Int($0.trimmed) } ?? 0 }

    /// - Parameter file: where it counts; in the bound directory unless said otherwise.
    func wait(until number: Int, in file: FilePath? = nil) {
        // A look may find the file emptied, just before it is written.
        var seen = 0
        for _ in 0..<600 {
            seen = max(seen, self.number(in: file ?? host.appending("count")))
            if seen >= number { break }
            usleep(50_000)
        }
        #expect(seen >= number)
    }

    /// - Parameter before: what the container does before it counts.
    func configuration(_ before: String = "") -> RuntimeConfiguration {
        var configuration = bundle.configuration(before + Self.counting)
        configuration.mounts?.append(.init(destination: "/data", type: "bind", source: host.string, options: ["rbind"]))
        configuration.linux?.maskedPaths = ["/proc/interrupts", "/sys/firmware"]
        configuration.linux?.readonlyPaths = ["/proc/sys"]
        configuration.linux?.resources?.pids = .init(limit: 23)
        return configuration
    }

    func start(_ before: String = "", _ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws {
        var configuration = configuration(before)
        change(&configuration)
        try bundle.write(configuration)
        let result = try bundle.runtime("run", "--detach", "--bundle", bundle.directory.string, bundle.id)
        try #require(result.status == 0, "\(result.standardError)")
        wait(until: 3)
    }

    func checkpoint(_ options: String...) throws -> Command.Result {
        try call(["checkpoint", "--image-path", images.string] + options + [bundle.id])
    }

    func restore(_ options: String...) throws -> Command.Result {
        try call(["restore", "--detach", "--image-path", images.string, "--bundle", bundle.directory.string] + options + [bundle.id])
    }

    private func call(_ words: [String]) throws -> Command.Result {
        let path = try #require(RuntimeUnderTest.path)
        return try Command([path, "--root", bundle.root.string] + words, timeout: .seconds(120)).run()
    }

    /// Whether it counts, from where it was.
    func goesOn(from number: Int) throws {
        #expect(try bundle.state() == "running")
        wait(until: number + 3)
        wait(until: number, in: bundle.rootfs.appending("count"))
    }

    /// There and back.
    func goAndReturn(_ checkpointOptions: [String] = [], _ restoreOptions: [String] = []) throws {
        let dumped = try call(["checkpoint", "--image-path", images.string] + checkpointOptions + [bundle.id])
        try #require(dumped.status == 0, "\(dumped.standardError)")
        let number = count
        let restored = try call(
            ["restore", "--detach", "--image-path", images.string, "--bundle", bundle.directory.string] + restoreOptions + [bundle.id])
        try #require(restored.status == 0, "\(restored.standardError)")
        try goesOn(from: number)
    }
}

extension Trait where Self == ConditionTrait {
    /// Only where criu can do its work.
    static var needsWorkingCriu: Self { .enabled(if: CountingContainer.criuWorks == true, "needs a criu that works on this kernel") }
}
