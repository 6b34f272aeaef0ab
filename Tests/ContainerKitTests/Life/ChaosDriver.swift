import ContainerKit
import Glibc
import TestSupport
import Testing

/// One host program after another, with what can be killed of it and what it may have left.
final class ChaosDriver {
    /// What is killed at once.
    enum Victims: String, CaseIterable {
        case host, shim, spawner, hostAndSpawner, hostAndShim, all
        var includesHost: Bool { self != .shim && self != .spawner }
        var includesShim: Bool { self == .shim || self == .hostAndShim || self == .all }
        var includesSpawner: Bool { self == .spawner || self == .hostAndSpawner || self == .all }
    }

    struct Word {
        var worker: String
        var what: String
        var name: String
        var time: UInt64
    }

    let base: FilePath
    private(set) var token = ""
    private var host: ChildProcess?
    /// Shims of this host that were killed, by container.
    private(set) var bereaved: Set<String> = []
    private(set) var spawnerWasKilled = false

    init(base: FilePath) { self.base = base }

    static func monotonic() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: the host

    var isUp: Bool { host != nil }

    func start() throws {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        token = "x" + String((0..<2).compactMap { _ in letters.randomElement() })
        (bereaved, spawnerWasKilled) = ([], false)
        try Files.write("", to: base.appending("phases"))
        var environment = ["CONTAINERKIT_CHAOS_BASE": base.string, "CONTAINERKIT_CHAOS_TOKEN": token]
        for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        host = try ChildProcess(
            Command(
                [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "ChaosHost"], environment: environment))
    }

    func words() -> [Word] {
        guard let text = try? Files.text(base.appending("phases")) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 4, let time = UInt64(parts[3]) else { return nil }
            return Word(worker: parts[0], what: parts[1], name: parts[2], time: time)
        }
    }

    /// Waits until a worker enters the phase.
    func awaitPhase(_ phase: ChaosPhase) throws -> Word {
        let begun = Self.monotonic()
        var seen = words().count
        while Self.monotonic() < begun + 20_000_000_000 {
            let words = words()
            if seen < words.count, let word = words[seen...].last(where: { $0.what == phase.rawValue }) { return word }
            seen = words.count
            usleep(300)
        }
        let host = host.map { String(decoding: $0.output() + $0.errors(), as: UTF8.self) } ?? ""
        throw ChaosFailure(description: "no worker enters \(phase) any more\n\(words().suffix(8))\n\(host.suffix(2000))")
    }

    /// Kills, and tells the phase in which the worker of `target` was at that instant.
    func kill(_ victims: Victims, _ target: Word) throws -> (phase: ChaosPhase, name: String)? {
        guard let host else { return nil }
        let name = target.name
        let mine = victims == .all ? "ck-shim:" + token : String("ck-shim:\(name)".prefix(15))
        // It must make no other spawner meanwhile.
        if victims == .all { Glibc.kill(host.pid, SIGSTOP) }
        // Children of the spawner are quickly found; once a spawner was killed, its shims are anybody's.
        let spawner = self.spawner(of: host.pid)
        // What it forks between the look and the kill would be nobody's victim.
        if victims == .all, let spawner {
            Glibc.kill(spawner, SIGSTOP)
            // A fork that is under way is still finished.
            for _ in 0..<10_000 where !["T", "Z"].contains(ProcessView(spawner).state) { usleep(100) }
        }
        let forks = spawner.map(Self.children) ?? []
        // The list of children may leave some out while others of them end (proc(5)): for all of them, one by one.
        let candidates = !victims.includesShim ? [] : spawnerWasKilled || victims == .all ? Self.processes() : forks
        let shims = candidates.filter { Self.command($0).hasPrefix(mine) }
        // A spare that has got its request just now is a shim that has no name yet, and may be the last of a spawner that was killed before.
        let forked = victims == .all ? candidates.filter { ProcessView($0).parent == spawner || Self.command($0) == "ck-spare" } : []
        let instant = Self.monotonic()
        if victims.includesHost { Glibc.kill(host.pid, SIGKILL) }
        if victims.includesSpawner, let spawner { Glibc.kill(spawner, SIGKILL) }
        if victims.includesShim { for shim in shims + forked { Glibc.kill(shim, SIGKILL) } }
        if victims.includesHost {
            _ = try host.wait(within: .seconds(10))
            self.host = nil
        }
        if victims.includesShim { bereaved.formUnion(victims == .all ? ["*"] : [name]) }
        if victims.includesSpawner { spawnerWasKilled = true }
        let last = words().last { $0.worker == target.worker && $0.time <= instant }
        return last.flatMap { word in ChaosPhase(rawValue: word.what).map { ($0, word.name) } }
    }

    private func spawner(of host: Int32) -> Int32? {
        // One that was killed keeps its name until it is reaped.
        func lives(_ pid: Int32) -> Bool { Self.command(pid) == "ck-spawner" && ProcessView(pid).state != "Z" }
        if let known, known.host == host, lives(known.spawner) { return known.spawner }
        // Not the list of children, which may leave some out while others of them end (proc(5)).
        guard let found = Self.processes().first(where: { lives($0) && ProcessView($0).parent == host }) else { return nil }
        known = (host, found)
        return found
    }
    private var known: (host: Int32, spawner: Int32)?

    // MARK: what is left

    /// Processes, shims and cgroups of the host's containers whose name begins so, still there after two seconds.
    ///
    /// - Parameter cgroups: a killed shim leaves its container's cgroups to the next sweep.
    func leftAfterTwoSeconds(_ prefix: String, cgroups: Bool = true) async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(2)
        while true {
            let left = left(prefix, cgroups)
            if left.isEmpty || ContinuousClock.now > deadline { return left }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    private func left(_ prefix: String, _ cgroups: Bool) -> [String] {
        var left: [String] = []
        for pid in Self.processes() {
            let command = Self.command(pid)
            if ProcessView(pid).isOrphanedZombie { continue }
            if command.hasPrefix(String("ck-shim:\(prefix)".prefix(15))) {
                let view = ProcessView(pid)
                left.append("\(pid) \(command) \(view.state) below \(view.parent ?? 0) in \(view.text("wchan"))")
            }
            let variables = (try? Files.read(FilePath("/proc/\(pid)/environ"))) ?? []
            if String(decoding: variables, as: UTF8.self).contains("CHAOS=\(prefix)") { left.append("\(pid) \(command)") }
        }
        for hierarchy in cgroups ? [""] + (Files.names(in: "/sys/fs/cgroup") ?? []) : [] {
            let parent = FilePath("/sys/fs/cgroup/\(hierarchy)/containerkit-test-\(getpid())")
            left += (Files.names(in: parent) ?? []).filter { $0.hasPrefix(prefix) }.map { "\(hierarchy) \($0)" }
        }
        return left
    }

    private static func processes() -> [Int32] { (Files.names(in: "/proc") ?? []).compactMap { Int32($0) } }

    private static func command(_ pid: Int32) -> String {
        ((try? Files.text(FilePath("/proc/\(pid)/comm"))) ?? "").split(separator: "\n").first.map(String.init) ?? ""
    }

    private static func children(of pid: Int32) -> [Int32] {
        (Files.names(in: FilePath("/proc/\(pid)/task")) ?? []).flatMap { task in
            ((try? Files.text(FilePath("/proc/\(pid)/task/\(task)/children"))) ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }
}

private struct ChaosFailure: Error, CustomStringConvertible {
    var description: String
}
