import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged))
struct ManyRunsTests {
    /// Both with one check, after a warm-up with the same number of threads and connections.
    @Test func aThousandInTurnAndTwoHundredAtOnce() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let engine = fixture.engine
            func many(_ count: Int) async throws {
                try await withThrowingTaskGroup(of: RunResult.self) { group in
                    for number in 0..<count { group.addTask { try await engine.run(image, ["echo", "\(number)"]) } }
                    var seen: Set<String> = []
                    for try await result in group {
                        #expect(result.status == .exited(0))
                        seen.insert(result.standardOutput)
                    }
                    #expect(seen.count == count)
                }
            }
            try await many(20)
            try await expectNoLeaks([fixture.base]) {
                var times: [Duration] = []
                let start = ContinuousClock.now
                for _ in 0..<1000 {
                    let begun = ContinuousClock.now
                    let result = try await engine.run(image, ["true"])
                    times.append(.now - begun)
                    guard result.status == .exited(0) else {
                        Issue.record("a run ended with \(result.status)")
                        break
                    }
                }
                times.sort()
                print("1,000 runs in turn: \(ContinuousClock.now - start), p50 \(times[500]), p99 \(times[990])")
                let concurrent = ContinuousClock.now
                try await many(200)
                print("200 runs at once: \(ContinuousClock.now - concurrent)")
            }
        }
    }

    /// No call that blocks runs on Swift's own threads: a pull of twenty layers from a registry, then fifty starts.
    @Test(.leakChecked, .needsPrograms("docker-registry", "skopeo")) func theHostKeepsItsHeartbeat() async throws {
        try await withCleanup { cleanup in
            let registry = try DockerRegistry(in: cleanup)
            let layout = try cleanup.directory("layered")
            let name = try registry.push(TestImage.layered(20).write(layout: layout), as: "test/layered", tag: "1")
            try await EngineFixture.with { fixture in
                let engine = fixture.engine
                let requests = registry.requests
                let gap = try await Heartbeat.largestGap {
                    let image = try await engine.images.pull(name)
                    for _ in 0..<50 {
                        let result = try await engine.run(image, ["true"])
                        #expect(result.status == .exited(0))
                    }
                }
                print("largest gap of the heartbeat: \(gap)")
                #expect(gap < .milliseconds(50))
                #expect(registry.requests >= requests + 22, "a manifest, a configuration and twenty layers")
            }
        }
    }
}
