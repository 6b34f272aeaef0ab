import Glibc
import Synchronization
package import SystemPackage
package import Testing

/// Compares what the machine holds before and after a test.
///
/// A machine has other users, so only what this test process can have made counts: mounts anywhere in its mount namespace, cgroups with
/// `containerkit` in their path, its own descriptors, its descendants and other processes of its executable, their namespaces, keyrings
/// named `ck…`, sockets they listen on, files under `roots`. With `CONTAINERKIT_TEST_EXCLUSIVE` set and not empty (`make test` sets it) the
/// machine is taken to be ours, and figures that the kernel gives only for the whole machine count too: dying v1 cgroups, spawners' and
/// unnamed keyrings.
package struct LeakCheck: Sendable {
    /// Directories whose files count: stores, state directories.
    package var roots: [FilePath]
    /// How long the kernel and reapers get to finish. What is gone by then is no leak.
    package var settle: Duration
    package var isExclusive: Bool

    /// How long the kernel gets for what it frees behind a grace period of its own: the keyring of a dead process, a removed cgroup.
    package var kernelSettle: Duration = .seconds(15)

    private static var isMachineOurs: Bool { getenv("CONTAINERKIT_TEST_EXCLUSIVE").map { $0.pointee != 0 } ?? false }

    package init(roots: [FilePath] = [], settle: Duration = .seconds(2), isExclusive: Bool = Self.isMachineOurs) {
        self.roots = roots
        self.settle = settle
        self.isExclusive = isExclusive
    }

    /// Lets the concurrency runtime make the timers that it keeps, since waiting in `leaks(since:)` would make them after the first look.
    package static func warmUp() async {
        try? await Task.sleep(for: .milliseconds(1), clock: .continuous)
        try? await Task.sleep(for: .milliseconds(1), clock: .suspending)
    }

    /// What is there now.
    package func snapshot() -> Set<Leak> {
        let mounts = MountTable.read()
        let processes = ProcessTable.read()
        var leaks = Set(mounts.map { Leak(.mount, $0.description) })
        leaks.formUnion(CgroupTree.read(mounts: mounts, isExclusive: isExclusive))
        leaks.formUnion(DescriptorTable.read())
        leaks.formUnion(processes.ours.map { Leak(.process, $0.description) })
        leaks.formUnion(NamespaceTable.read(processes: processes.ours, mounts: mounts))
        leaks.formUnion(KeyTable.read(isExclusive: isExclusive))
        leaks.formUnion(SocketTable.read(roots: roots, processes: processes.ours))
        leaks.formUnion(roots.flatMap(FileTree.read))
        return leaks
    }

    /// Dying cgroups that this machine had when nothing of ours was left: other people's.
    private static let othersDying = Mutex<Int?>(nil)

    /// What is there before a test, without what the kernel is still freeing of earlier ones: a leak would hide among those.
    package func settledSnapshot() async -> Set<Leak> {
        var now = snapshot()
        guard isExclusive else { return now }
        func dying() -> Int { now.count { $0.kind == .dyingCgroup } }
        if dying() > Self.othersDying.withLock({ $0 ?? 0 }) {
            CgroupTree.reclaim()
            for _ in 0..<20 where dying() > 0 {
                try? await Task.sleep(for: .milliseconds(20))
                now = snapshot()
            }
        }
        Self.othersDying.withLock { $0 = dying() }
        return now
    }

    /// What is there and was not in `before`, after at most `settle`, or `kernelSettle` where all of it is the kernel's to free.
    package func leaks(since before: Set<Leak>) async -> [Leak] {
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(1)
        var nextReclaim = start + .milliseconds(100)
        while true {
            let left = snapshot().subtracting(before)
            if left.isEmpty { return [] }
            // A keyring goes when the last credentials that name it do: after a grace period, and those that an overlay or an open file
            // took along later still. It is waited for with a limit, whoever else uses the machine.
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
