import CLinux
import Glibc
import LinuxSystem
import OCIModel
import ShimKit
import SystemPackage
import TestSupport
import Testing

/// The host program is killed at random instants; the seed is printed.
@Suite("A host program that is killed", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct HostKillTests {
    /// Everything of a throwaway container is gone within two seconds: processes and cgroups by its shim, and what had no
    /// shim yet by the next sweep.
    @Test func promise6WhatAKilledHostLeftIsSwept() async throws {
        try await Self.withProbe("throwaway") { probe in
            var phases: [String: Int] = [:]
            var generator = SeededGenerator(probe.seed)
            for round in 0..<20 {
                let words = try probe.runAndKill(after: Int.random(in: 30_000...160_000, using: &generator))
                phases[words.last?.phase ?? "before", default: 0] += 1
                let left = try await probe.leftAfterTwoSeconds()
                #expect(left == [], "seed \(probe.seed), round \(round), killed in \(words.last.debugDescription)")
                try await probe.expectNothingAfterSweep("seed \(probe.seed), round \(round), \(words.last.debugDescription)")
            }
            print("Kill points by phase: \(phases), seed \(probe.seed)")
            for phase in ["create", "exec"] { #expect(phases[phase, default: 0] > 0, "no kill hit \(phase): \(phases)") }
        }
    }

    /// Those it had been told of go on and can be attached to; deleting leaves nothing.
    @Test func durableContainersGoOn() async throws {
        try await Self.withProbe("durable") { probe in
            var generator = SeededGenerator(probe.seed)
            for round in 0..<6 {
                let words = try probe.runAndKill(after: Int.random(in: 60_000...200_000, using: &generator))
                let running = words.filter { $0.phase == "running" }.map(\.name)
                _ = try await probe.supervisor.sweep()
                var attached: [String] = []
                for found in try await probe.supervisor.list() {
                    let container = try await probe.supervisor.reattach(found.id)
                    if case .supervised = found.status, container.exited == nil { attached.append(found.id.description) }
                    try await container.delete()
                }
                #expect(Set(running).subtracting(attached) == [], "seed \(probe.seed), round \(round)")
                #expect(try await probe.leftAfterTwoSeconds() == [], "seed \(probe.seed), round \(round)")
                try await probe.expectNothingAfterSweep("seed \(probe.seed), round \(round)")
            }
        }
    }

    private static func withProbe(_ mode: String, _ body: (KilledProbe) async throws -> Void) async throws {
        try await ShimFixture.with { fixture in
            let scratch = fixture.directory.appending("scratch")
            try check(ck_mkdirat(AT_FDCWD, scratch.string, 0o700))
            let probe = KilledProbe(mode: mode, fixture: fixture, scratch: scratch, seed: UInt64.random(in: 0 ... .max))
            for parent in probe.parents { try check(ck_mkdirat(AT_FDCWD, parent, 0o755)) }
            defer { for parent in probe.parents { rmdir(parent) } }
            try await body(probe)
        }
    }
}

/// The executable ShimProbe and what it leaves.
struct KilledProbe {
    struct Word: CustomDebugStringConvertible {
        var phase: String
        var name: String
        var debugDescription: String { "\(phase) \(name)" }
    }

    let mode: String
    let fixture: ShimFixture
    let scratch: FilePath
    let seed: UInt64
    let cgroup = "containerkit-kill-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    var supervisor: Supervisor { fixture.supervisor }

    /// One parent in each hierarchy that is worth it: v2, or pids and freezer of v1.
    var parents: [String] {
        let places = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? [""] : ["/pids", "/freezer", "/unified"]
        return places.map { "/sys/fs/cgroup" + $0 }.filter { access($0, F_OK) == 0 }.map { $0 + "/" + cgroup }
    }

    func runAndKill(after microseconds: Int) throws -> [Word] {
        let test = try FilePath("/proc/self/exe").resolvingLink()
        let program = test.removingLastComponent().appending("ShimProbe").string
        let process = try ChildProcess(
            Command([program, mode, fixture.run.string, fixture.root.string, scratch.string] + parents))
        usleep(UInt32(microseconds))
        kill(process.pid, SIGKILL)
        #expect(try process.wait(within: .seconds(10)) == 128 + SIGKILL, "\(String(decoding: process.errors(), as: UTF8.self))")
        return String(decoding: process.output(), as: UTF8.self).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.count == 2 ? Word(phase: words[0], name: words[1]) : nil
        }
    }

    /// Cgroups and shims that are still there two seconds later.
    func leftAfterTwoSeconds() async throws -> [String] {
        let deadline = ContinuousClock.now + .seconds(2)
        while true {
            let left = try self.left()
            if left.isEmpty || ContinuousClock.now > deadline { return left }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func left() throws -> [String] {
        var left: [String] = []
        for parent in parents {
            left += (Files.names(in: FilePath(parent)) ?? []).filter { $0.hasPrefix("kill-") }.map { parent + "/" + $0 }
        }
        for pid in (Files.names(in: "/proc") ?? []) where Int(pid) != nil {
            guard let name = try? OwnedDescriptor.open("/proc/\(pid)/comm", flags: O_RDONLY).readAll(limit: 64) else { continue }
            let text = String(decoding: name, as: UTF8.self)
            if text.hasPrefix("ck-shim:kill-"), !ProcessView(Int32(pid) ?? 0).isOrphanedZombie { left.append(pid + " " + text) }
        }
        return left
    }

    func expectNothingAfterSweep(_ comment: String) async throws {
        let containers = fixture.run.appending("containers")
        let known = Set(Files.names(in: containers) ?? []).filter {
            access(containers.appending($0).appending("state.json").string, F_OK) == 0
        }
        // A shim that has its request but has not begun holds the lock: it lives, and ends by itself.
        let deadline = ContinuousClock.now + .seconds(2)
        repeat {
            _ = try await supervisor.sweep()
            let names = Files.names(in: containers) ?? []
            if names.isEmpty { break }
            // Killed between its directory and its state: old enough, it goes too.
            for name in names { try? Self.age(containers.appending(name)) }
            try await Task.sleep(for: .milliseconds(10))
        } while ContinuousClock.now < deadline
        #expect((Files.names(in: containers) ?? []) == [], "\(comment)")
        // One made before its container had a state is the maker's own.
        for name in Files.names(in: scratch) ?? [] {
            let path = scratch.appending(name).string
            if !known.contains(name) { rmdir(path) }
            #expect(access(path, F_OK) != 0, "\(comment)")
        }
    }

    private static func age(_ path: FilePath) throws {
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        if utimensat(AT_FDCWD, path.string, &times, 0) != 0, errno != ENOENT { throw Errno(rawValue: errno) }
    }
}

extension FilePath {
    fileprivate func resolvingLink() throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(string, &buffer, buffer.count - 1)
        guard count > 0 else { throw Errno(rawValue: errno) }
        return FilePath(String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
