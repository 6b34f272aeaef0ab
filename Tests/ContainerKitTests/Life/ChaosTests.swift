import ContainerKit
import Glibc
import TestSupport
import Testing

/// Kills host program, spawner and shims, alone and together, at random instants within the phases of a container, under load.
///
/// `CONTAINERKIT_CHAOS_KILLS` says how many (`make chaos`: 500), at least ten in each phase. Unset, as many as fit into 45 seconds, at
/// least two in each phase. `CONTAINERKIT_CHAOS_SEED` repeats the choices of a run, though never the machine's.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: chaosBase == nil))
struct ChaosTests {
    @Test func nothingIsOrphanedAndNoRecordLies() async throws {
        let seed = number("CONTAINERKIT_CHAOS_SEED") ?? UInt64.random(in: 0 ... .max)
        let full = number("CONTAINERKIT_CHAOS_KILLS").map { Int($0) }
        let wanted = full ?? 60
        let deadline = ContinuousClock.now + (full == nil ? .seconds(45) : .seconds(5000))
        var random = SeededGenerator(seed)
        var counts = Dictionary(uniqueKeysWithValues: ChaosPhase.allCases.map { ($0, 0) })
        var kinds: [ChaosDriver.Victims: Int] = [:]
        try await withCleanup { cleanup in
            let base = try cleanup.directory("chaos")
            try TestRootFileSystem.make(at: base.appending("rootfs"))
            try TestDirectory.create(base.appending("proof"), mode: 0o777)
            let driver = ChaosDriver(base: base)
            var sum = 0
            while (sum < wanted || counts.values.contains { $0 < 10 } || driver.isUp) && ContinuousClock.now < deadline {
                if !driver.isUp { try driver.start() }
                let rarest = counts.values.min() ?? 0
                let phase = ChaosPhase.allCases.filter { counts[$0] == rarest }.randomElement(using: &random) ?? .create
                let isLast = sum >= wanted && rarest >= 10
                let victims = isLast ? .host : ChaosDriver.Victims.allCases.randomElement(using: &random) ?? .host
                let target = try driver.awaitPhase(phase)
                usleep(UInt32.random(in: 0...1500, using: &random))
                guard let point = try driver.kill(victims, target) else { continue }
                counts[point.phase, default: 0] += 1
                kinds[victims, default: 0] += 1
                sum += 1
                try await check(driver, victims, "seed \(seed), kill \(sum): \(victims) in \(point.phase) of \(point.name)", point.name)
            }
            if driver.isUp, let word = driver.words().last {
                _ = try driver.kill(.host, word)
                try await check(driver, .host, "the end", word.name)
            }
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
        print("Kill points by phase: \(counts.map { "\($0): \($1)" }.sorted()), \(kinds.map { "\($0): \($1)" }.sorted()), seed \(seed)")
        for (phase, count) in counts { #expect(count >= (full == nil ? 2 : 10), "too few kills in \(phase), seed \(seed)") }
    }

    private func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

    private func check(_ driver: ChaosDriver, _ victims: ChaosDriver.Victims, _ comment: String, _ name: String) async throws {
        let comment = Comment(rawValue: comment)
        if !victims.includesHost {
            // The host cleans up after a shim, and after a spawner it starts another; in both cases it goes on.
            if victims.includesShim { #expect(try await driver.leftAfterTwoSeconds(name) == [], comment) }
            let begun = ChaosDriver.monotonic()
            for worker in ["t0", "t1", "d0", "d1"] {
                var goesOn = false
                for _ in 0..<2000 where !goesOn {
                    goesOn = driver.words().contains { $0.worker == worker && $0.time > begun }
                    if !goesOn { try await Task.sleep(for: .milliseconds(5)) }
                }
                #expect(goesOn, "\(comment): worker \(worker) hangs: \(driver.words().last { $0.worker == worker }.debugDescription)")
            }
            return
        }
        // By the kernel's hand or the shims', without anybody's help: with `all`, durable ones too.
        let gone = victims == .all ? driver.token : driver.token + "t"
        let left = try await driver.leftAfterTwoSeconds(gone, cgroups: !victims.includesShim)
        #expect(left == [], comment)
        for word in driver.words() where word.what.hasPrefix("error-") || word.what.hasPrefix("undeleted") {
            let isOurs = driver.bereaved.contains(word.name) || driver.spawnerWasKilled && word.what.hasPrefix("error-create")
            #expect(isOurs && !word.what.hasPrefix("undeleted"), "\(comment): \(word)")
        }
        try await checkFiles(driver, comment)
    }

    /// What the next engine that opens the root finds and leaves.
    private func checkFiles(_ driver: ChaosDriver, _ comment: Comment) async throws {
        let run = driver.base.appending("run/containers")
        let before = Self.records(run)
        let deleted = Set(driver.words().filter { $0.what == "delete" || $0.what.hasPrefix("error-") }.map(\.name))
        func configure(_ configuration: inout EngineConfiguration) {
            EngineFixture.configure(&configuration, in: driver.base)
            configuration.removesCgroupParent = false
        }
        try await withContainerEngine(configure) { engine in
            let after = Self.records(run)
            for (name, record) in before where name.hasPrefix(driver.token + "d") {
                // One that was being deleted goes on disappearing: its shim does that.
                let isGoing = after[name] == nil && deleted.contains(name)
                #expect(isGoing || after[name] == record, "\(comment): the sweep wrote over the record of \(name)")
            }
            try await withContainerEngine(configure) { _ in }
            let again = Self.records(run)
            for (name, record) in after {
                let isGoing = again[name] == nil && deleted.contains(name)
                #expect(isGoing || again[name] == record, "\(comment): a second sweep wrote over the record of \(name)")
            }
            // One that had been asked to stop may have ended meanwhile: its shim says how.
            for (name, record) in again where after[name] == nil {
                #expect(!record.contains("supervisorLost"), "\(comment): a second sweep wrote a record of \(name)")
            }

            for found in try await engine.containers.list() {
                let name = found.id.description
                #expect(found.isDurable, "\(comment): \(name) is left, \(found.state)")
                let proof = driver.base.appending("proof").appending(name)
                let container = try await engine.reattach(found.id)
                let wrote = Files.exists(proof)
                switch found.state {
                case .running:
                    // Parked ones were never started.
                    _ = try? await container.start()
                    do {
                        #expect(try await container.exec(["true"]).status.isSuccess, comment)
                    } catch {
                        // One that had been asked to stop ends meanwhile, and says so.
                        for _ in 0..<400 where container.exit == nil { try await Task.sleep(for: .milliseconds(5)) }
                        #expect(
                            container.exit?.status == .exited(7) && Files.exists(proof), "\(comment): \(name) is not to be had: \(error)")
                    }
                case .stopped(let exit):
                    #expect(Self.records(run)[name] != nil, "\(comment): \(name) has no record")
                    let wasBereaved = driver.bereaved.contains("*") || driver.bereaved.contains(name)
                    switch exit.status {
                    case .exited(let code): #expect(code == 7 && wrote, "\(comment): \(name) says \(exit.status), wrote \(wrote)")
                    case .supervisorLost: #expect(wasBereaved, "\(comment): \(name) was lost without a kill")
                    // Asked to stop before it could listen, and killed when the grace period was over.
                    case .signaled(.kill) where !wrote: break
                    default: Issue.record("\(comment): \(name) ended with \(exit.status)")
                    }
                case .lost: Issue.record("\(comment): \(name) was not swept")
                }
                try await container.delete()
            }
        }
        #expect(Files.names(in: run) == [], comment)
        #expect(Files.names(in: driver.base.appending("root/containers")) == [], comment)
        #expect(try await driver.leftAfterTwoSeconds(driver.token) == [], comment)
    }

    /// The inode and the contents of each exit record.
    private static func records(_ run: FilePath) -> [String: String] {
        var records: [String: String] = [:]
        for name in Files.names(in: run) ?? [] {
            let path = run.appending(name).appending("exit.json")
            var status = stat()
            guard stat(path.string, &status) == 0, let text = try? Files.text(path) else { continue }
            records[name] = "\(status.st_ino) \(text)"
        }
        return records
    }
}
