import Glibc
import NIOCore
import NIOPosix
import Synchronization
package import SystemPackage
package import Testing

/// Compares what the machine holds before and after a test.
///
/// A machine has other users, so what counts is what this test process can have made: mounts anywhere in its mount namespace, cgroups with
/// `containerkit` in their path and dying ones below them, its own descriptors, its descendants and other processes of its executable,
/// their namespaces, keyrings named `ck…`, sockets they listen on, files under `roots`. Figures that the kernel gives only for the whole
/// machine (dying cgroups of v1, other keyrings) count as well, as long as no other engine or test program is seen at work: a dying cgroup
/// of theirs would look like ours. `CONTAINERKIT_TEST_EXCLUSIVE=1` counts them in any case, and those of v1's hierarchy of memory, which
/// page cache may keep past any wait; set and empty it never does.
package struct LeakCheck: Sendable {
    /// Directories whose files count: stores, state directories.
    package var roots: [FilePath]
    /// How long the kernel and reapers get to finish, on a machine that is busy. What is gone by then is no leak.
    package var settle: Duration
    /// Whether the machine is ours alone; nil looks.
    package var isExclusive: Bool?

    /// How long the kernel gets for what it frees behind a grace period of its own: the keyring of a dead process, a removed cgroup.
    package var kernelSettle: Duration = .seconds(15)

    private static var isMachineOurs: Bool? { getenv("CONTAINERKIT_TEST_EXCLUSIVE").map { $0.pointee != 0 } }

    package init(roots: [FilePath] = [], settle: Duration = .seconds(10), isExclusive: Bool? = Self.isMachineOurs) {
        self.roots = roots
        self.settle = settle
        self.isExclusive = isExclusive
    }

    /// Makes what a process makes once and keeps: the timers of the concurrency runtime (waiting in `leaks(since:)` would make them after
    /// the first look), the event loops that all users of NIO share.
    package static func warmUp() async {
        for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() { try? await loop.submit {}.get() }
        await timers.value
    }

    /// Once, and long: a time that has passed before anybody waits for it needs no timer of the kernel's, and makes none.
    private static let timers = Task {
        try? await Task.sleep(for: .milliseconds(50), clock: .continuous)
        try? await Task.sleep(for: .milliseconds(50), clock: .suspending)
    }

    /// What is there now.
    package func snapshot() -> Set<Leak> { look().leaks }

    /// Whether figures of the whole machine can be laid at our door now.
    package var isAlone: Bool { look().isAlone }

    private struct Look {
        var leaks: Set<Leak>
        /// Whether figures of the whole machine can be laid at our door.
        var isAlone: Bool
    }

    private func look() -> Look {
        let mounts = MountTable.read()
        let processes = ProcessTable.read()
        var leaks = Set(mounts.map { Leak(.mount, $0.description) })
        leaks.formUnion(CgroupTree.read(mounts: mounts, isExclusive: isExclusive ?? false))
        leaks.formUnion(DescriptorTable.read())
        leaks.formUnion(processes.ours.map { Leak(.process, $0.description) })
        leaks.formUnion(NamespaceTable.read(processes: processes.ours, mounts: mounts))
        leaks.formUnion(KeyTable.read())
        leaks.formUnion(SocketTable.read(roots: roots, processes: processes.ours))
        leaks.formUnion(roots.flatMap(FileTree.read))
        let isAlone = isExclusive ?? !(processes.hasOthersAtWork || CgroupTree.hasOthersAtWork(mounts: mounts))
        return Look(leaks: leaks, isAlone: isAlone)
    }

    /// Dying cgroups that this machine had when nothing of ours was left: other people's.
    private static let othersDying = Mutex<Int?>(nil)

    /// What is there before a test, without what the kernel is still freeing of earlier ones: a leak would hide among those.
    package func settledSnapshot() async -> Set<Leak> {
        var now = look()
        guard now.isAlone else { return now.leaks }
        func dying() -> Int { now.leaks.count { $0.kind == .dyingCgroup } }
        if dying() > Self.othersDying.withLock({ $0 ?? 0 }) {
            CgroupTree.reclaim()
            for _ in 0..<20 where dying() > 0 {
                try? await Task.sleep(for: .milliseconds(20))
                now = look()
            }
        }
        Self.othersDying.withLock { $0 = dying() }
        return now.leaks
    }

    /// What is there and was not in `before`, after at most `settle`, or `kernelSettle` where all of it is the kernel's to free.
    package func leaks(since before: Set<Leak>) async -> [Leak] {
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(1)
        var nextReclaim = start + .milliseconds(100)
        var isAlone = true
        while true {
            let now = look()
            var left = now.leaks.subtracting(before)
            // Seen once is enough: theirs may be dying still when they are gone. What is ours by its name counts all the same.
            isAlone = isAlone && now.isAlone
            if !isAlone { left = left.filter { !$0.isMachineWide } }
            if left.isEmpty { return [] }
            // A keyring goes when the last credentials that name it do: after a grace period, and those that an overlay or an open file
            // took along later still. A removed cgroup goes with the last page charged to it. Both are waited for with a limit.
            let isKernels = settle >= .seconds(1) && left.allSatisfy { $0.kind == .dyingCgroup || $0.kind == .key }
            if .now >= start + (isKernels ? max(settle, kernelSettle) : settle) { return left.sorted() }
            if .now >= nextReclaim, left.contains(where: { $0.kind == .dyingCgroup }) {
                CgroupTree.reclaim()
                nextReclaim = .now + .seconds(1)
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(200))
        }
    }
}

/// Runs `body` and records an issue for everything it left behind on the machine.
///
/// The checks of one test process take turns. Tests outside of a check that run beside it make processes and descriptors of their own,
/// therefore run suites that use it with `--no-parallel`, as `make test` does.
/// - Parameters:
///   - roots: Directories whose files count.
///   - warmUp: Runs the body once before the first look, so that what a process makes once and keeps (thread pools, the spawner) is no leak.
package func expectNoLeaks(
    _ roots: [FilePath] = [], warmUp: Bool = false, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws {
    let check = LeakCheck(roots: roots)
    await LeakCheckTurn.shared.take()
    let result: Result<Void, any Error>
    do {
        await LeakCheck.warmUp()
        if warmUp { try await body() }
        let before = await check.settledSnapshot()
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for leak in await check.leaks(since: before) { Issue.record("left behind: \(leak)", sourceLocation: sourceLocation) }
    } catch {
        await LeakCheckTurn.shared.give()
        throw error
    }
    await LeakCheckTurn.shared.give()
    try result.get()
}

/// One leak check at a time, in the order of arrival.
private actor LeakCheckTurn {
    static let shared = LeakCheckTurn()
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        if !isTaken {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func give() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}
