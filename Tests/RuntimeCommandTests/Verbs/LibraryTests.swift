import OCIModel
import RuntimeKit
import SystemPackage
import TestSupport
import Testing

@Suite(
    "Container runtime, from a program with threads", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .ckrunOnly, .serialized)
struct ContainerRuntimeTests {
    @Test func wholeLife() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            let id = try #require(ContainerID(bundle.id))
            let runtime = ContainerRuntime(executable: FilePath(try #require(RuntimeUnderTest.path)), root: bundle.root)
            try bundle.write(bundle.configuration("exec sleep 1000"))
            var options = RuntimeCreateOptions()
            options.bundle = bundle.directory
            try await runtime.create(id, options)
            #expect(try await runtime.state(id).status == .created)
            try await runtime.start(id)
            #expect(try await runtime.state(id).status == .running)
            #expect(try await runtime.list().map(\.id) == [id])
            #expect(try await runtime.processes(id).count == 1)
            #expect(try await runtime.exec(id, .init(args: ["/bin/sh", "-c", "exit 6"], cwd: "/")) == 6)
            await #expect(throws: RuntimeError.self) { try await runtime.exec(id, .init(args: ["nonesuch"], cwd: "/")) }
            try await runtime.pause(id)
            #expect(try await runtime.state(id).status == .paused)
            try await runtime.resume(id)
            var resources = RuntimeConfiguration.Resources()
            resources.pids = .init(limit: 33)
            try await runtime.update(id, resources)
            #expect(try await runtime.statistics(id).taskLimit == 33)
            for try await event in runtime.events(id) {
                guard case .statistics(let statistics) = event else { continue }
                #expect(statistics.tasks == 1)
                break
            }
            try await runtime.kill(id, .kill)
            while try await runtime.state(id).status != .stopped { try await Task.sleep(for: .milliseconds(10)) }
            try await runtime.delete(id)
            await #expect { try await runtime.state(id) } throws: { ($0 as? RuntimeError)?.code == .containerNotFound }
        }
    }

    @Test func aProcessWithThreadsIsNotCopied() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.write(bundle.configuration("true"))
            var options = RuntimeCreateOptions()
            options.bundle = bundle.directory
            let id = try #require(ContainerID(bundle.id))
            let error = #expect(throws: RuntimeError.self) { try CommandRuntime(root: bundle.root).create(id, options) }
            #expect(error?.reason.contains("more than one thread") == true)
        }
    }

    @Test func outOfMemoryIsAnEvent() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start("sleep 0.4; (tail /dev/zero); exec sleep 1000") {
                $0.linux?.resources?.memory = .init(limit: 16 << 20)
                $0.linux?.resources?.memory?.swap = RuntimeUnderTest.isOnUnified ? nil : 16 << 20
            }
            let runtime = ContainerRuntime(executable: FilePath(try #require(RuntimeUnderTest.path)), root: bundle.root)
            let id = try #require(ContainerID(bundle.id))
            for try await event in runtime.events(id, every: .seconds(60)) {
                if case .outOfMemory(let kills) = event {
                    #expect(kills >= 1)
                    return
                }
            }
            Issue.record("no event")
        }
    }
}
