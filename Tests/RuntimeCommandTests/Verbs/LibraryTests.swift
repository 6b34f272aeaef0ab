import Glibc
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
            func sh(_ script: String) -> RuntimeExecOptions { .init(process: .init(args: ["/bin/sh", "-c", script], cwd: "/")) }
            #expect(try await runtime.exec(id, sh("exit 6")) == 6)
            await #expect(throws: RuntimeError.self) {
                try await runtime.exec(id, .init(process: .init(args: ["nonesuch"], cwd: "/")))
            }
            let file = bundle.directory.appending("pid")
            var detached = sh("exec sleep 1000")
            detached.pidFile = file
            try await runtime.execDetached(id, detached)
            #expect(try await runtime.processes(id).map(String.init).contains(Files.text(file)))
            try await descriptorsAreHandedOn(runtime, id, bundle, sh("echo $(cat <&4) $(cat <&3)"))
            kill(try #require(Int32(try Files.text(file))), SIGKILL)
            try await runtime.pause(id)
            #expect(try await runtime.state(id).status == .paused)
            try await runtime.resume(id)
            var resources = RuntimeConfiguration.Resources()
            resources.pids = .init(limit: 33)
            try await runtime.update(id, resources)
            #expect(try await runtime.statistics(id).taskLimit == 33)
            for try await event in runtime.events(id) {
                guard case .statistics(let statistics) = event else { continue }
                #expect((1...2).contains(statistics.tasks ?? 0))
                break
            }
            try await runtime.kill(id, .kill)
            while try await runtime.state(id).status != .stopped { try await Task.sleep(for: .milliseconds(10)) }
            try await runtime.delete(id)
            await #expect { try await runtime.state(id) } throws: { ($0 as? RuntimeError)?.code == .containerNotFound }
        }
    }

    /// In the order in which they are given, whatever their numbers.
    private func descriptorsAreHandedOn(
        _ runtime: ContainerRuntime, _ id: ContainerID, _ bundle: CommandBundle, _ options: RuntimeExecOptions
    ) async throws {
        let output = bundle.directory.appending("output")
        try Files.write("one", to: bundle.directory.appending("one"))
        try Files.write("two", to: bundle.directory.appending("two"))
        let target = try FileDescriptor.open(output, .writeOnly, options: .create, permissions: .ownerReadWrite)
        let two = try FileDescriptor.open(bundle.directory.appending("two"), .readOnly)
        let one = try FileDescriptor.open(bundle.directory.appending("one"), .readOnly)
        defer { for descriptor in [target, two, one] { try? descriptor.close() } }
        var streams = ContainerRuntime.Streams(output: target)
        streams.further = [one, two]
        #expect(try await runtime.exec(id, options, streams: streams) == 0)
        #expect(try Files.text(output) == "two one\n")
        var numbered = options
        numbered.preservedDescriptors = 1
        await #expect { try await runtime.exec(id, numbered) } throws: { ($0 as? RuntimeError)?.code == .invalidField }
    }

    @Test(.needsWorkingCriu) func thereAndBack() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start()
            let id = try #require(ContainerID(container.bundle.id))
            let runtime = ContainerRuntime(executable: FilePath(try #require(RuntimeUnderTest.path)), root: container.bundle.root)
            let checkpoint = CheckpointOptions(images: container.images)
            let broken = Task { try await runtime.checkpoint(id, checkpoint) }
            broken.cancel()
            await #expect { try await broken.value } throws: { ($0 as? RuntimeError)?.code == .cancelled }
            try container.goesOn(from: container.count)
            try await runtime.checkpoint(id, checkpoint)
            let number = container.count
            var options = RuntimeCreateOptions()
            options.bundle = container.bundle.directory
            let abandoned = Task { [options] in try await runtime.restore(id, options, from: checkpoint) }
            abandoned.cancel()
            await #expect { try await abandoned.value } throws: { ($0 as? RuntimeError)?.code == .cancelled }
            await #expect { try await runtime.state(id) } throws: { ($0 as? RuntimeError)?.code == .containerNotFound }
            try await runtime.restore(id, options, from: checkpoint)
            try container.goesOn(from: number)
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
