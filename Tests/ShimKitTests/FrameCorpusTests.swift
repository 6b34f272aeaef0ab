import Glibc
import LinuxSystem
import RuntimeChild
import ShimChild
import SystemPackage
import TestSupport
import Testing

/// Frames between programs and shims, as each released version writes them: a shim may be older than the program that attaches to it.
/// The files of a version never change once it is released; a change of a frame raises `ShimRequest.version` and adds a directory.
@Suite("Frames of shims")
struct FrameCorpusTests {
    /// The first version of the package that knew the frame, and the versions that there are.
    static let versions = ["0.1", "0.2"]

    struct Frame: Sendable, CustomTestStringConvertible {
        var version = "0.1"
        var name: String
        var bytes: [UInt8]
        /// Bytes at its end that older versions do not write: without them it is one of theirs.
        var added = 0
        /// Decodes, and encodes what came out.
        var roundTrip: @Sendable ([UInt8]) throws -> [UInt8]
        var testDescription: String { name }
    }

    static let frames: [Frame] = commands + events + [request, plan, exec] + second

    private static let commands: [Frame] = [
        ("start", .start), ("signal", .signal(process: 0, number: 15, all: true)),
        (
            "exec",
            .exec(
                process: 7, plan: [1, 2, 3], planIsSealed: false,
                streams: StreamPlans(input: .pipe, output: .file("/var/log/x"), error: .sameAsOutput))
        ),
        ("resize", .resize(process: 1, rows: 24, columns: 80)),
        ("connect", .connect(address: [127, 0, 0, 1], port: 80, milliseconds: 500)),
        ("attach", .attach(process: 0, takesOver: true, holder: 4711)), ("detach", .detach(process: 0)),
        ("close-input", .closeInput(process: 3)), ("pause", .pause), ("resume", .resume), ("state", .state), ("delete", .delete),
    ].map { (name: String, command: ShimCommand) in
        Frame(name: "command-\(name)", bytes: command.encode(id: 99)) {
            let answer = ShimEvent.reply(id: 3, .unknown(kind: 200, payload: [1, 2, 3]))
            #expect(try ShimEvent(decoding: answer.encode()) == answer)
            let (id, command) = try ShimCommand.decode($0)
            return command.encode(id: id)
        }
    }

    private static let record: ExitRecord = {
        var record = ExitRecord(
            status: .signaled(9, coreDumped: true), pid: 123, startedAt: 1_700_000_000_000_000_000, endedAt: 1_700_000_001_000_000_000)
        (record.userMicroseconds, record.systemMicroseconds, record.peakResidentKiB) = (1, 2, 3)
        return record
    }()

    private static let events: [Frame] = [
        ("created", .created(pid: 12, streams: [.input, .output, .error])), ("started", .started(pid: 12, streams: .terminal)),
        ("failed", .failed(LaunchFailure(.standardStreams, errno: .noSuchFileOrDirectory))), ("exited", .exited(record)),
        ("exec-exited", .execExited(process: 5, record)), ("removed", .removed), ("not-removed", .notRemoved(.resourceBusy)),
        ("reply-done", .reply(id: 1, .done)), ("reply-failed", .reply(id: 1, .failed(.noSuchProcess))),
        ("reply-busy", .reply(id: 1, .busy(holder: 77))), ("reply-wrong-state", .reply(id: 1, .wrongState(.paused))),
        ("reply-launch-failed", .reply(id: 1, .launchFailed(LaunchFailure(.decodePlan, errno: .badFileDescriptor)))),
        ("reply-streams", .reply(id: 1, .streams(pid: 3, [.output]))), ("reply-state", .reply(id: 1, .state(.running, pid: 9))),
    ].map { (name: String, event: ShimEvent) in
        Frame(name: "event-\(name)", bytes: event.encode()) { try ShimEvent(decoding: $0).encode() }
    }

    private static let request: Frame = {
        var request = ShimRequest(containerID: "corpus", runDirectory: "/run/containerkit/containers/corpus", plan: [1, 2, 3, 4])
        (request.isDurable, request.isAttachable, request.creatorPid, request.bootID) = (true, true, 42, "boot")
        request.removedDirectories = ["/var/lib/containerkit/containers/corpus"]
        request.streams = StreamPlans(input: .descriptor(0), output: .pipe, error: .null)
        return Frame(name: "request", bytes: request.encode()) { try ShimRequest(decoding: $0).encode() }
    }()

    /// What 0.2 added.
    private static let second: [Frame] = {
        var measured = record
        (measured.ioReadBytes, measured.ioWrittenBytes) = (4096, 8192)
        let events: [(String, ShimEvent, Int)] = [
            ("paused", .paused, 0), ("resumed", .resumed, 0), ("restarting", .restarting(count: 3, record), 0),
            ("taken-over", .takenOver(process: 0, holder: 4711), 0), ("exited-with-io", .exited(measured), 16),
            ("restarting-with-io", .restarting(count: 3, measured), 16),
        ]
        var logged = ShimRequest(containerID: "corpus", runDirectory: "/run/containerkit/containers/corpus", plan: [1, 2, 3, 4])
        let before = logged.encode().count
        logged.log = LogPlan(form: .cri, path: "/var/lib/containerkit/containers/corpus/output.log", size: 1 << 24, count: 4)
        logged.restart = RestartPlan(always: false, limit: 5)
        // With the one that came last alone, no older version reads it.
        var scoped = ShimRequest(containerID: "corpus", runDirectory: "/run/containerkit/containers/corpus", plan: [1, 2, 3, 4])
        scoped.scope = ScopePlan(unit: "containerkit-corpus-0badcafe.scope", slice: "system.slice", description: "Container corpus")
        scoped.scope?.directory = "/sys/fs/cgroup/system.slice/containerkit-corpus-0badcafe.scope"
        scoped.scope?.controllers = ["cpu", "memory", "pids"]
        return events.map { name, event, added in
            Frame(version: "0.2", name: "event-\(name)", bytes: event.encode(), added: added) { try ShimEvent(decoding: $0).encode() }
        } + [
            Frame(version: "0.2", name: "command-forbid-restart", bytes: ShimCommand.forbidRestart.encode(id: 99)) {
                let answer = ShimEvent.reply(id: 3, .unknown(kind: 200, payload: [1, 2, 3]))
                #expect(try ShimEvent(decoding: answer.encode()) == answer)
                let (id, command) = try ShimCommand.decode($0)
                return command.encode(id: id)
            },
            Frame(version: "0.2", name: "request-with-log", bytes: logged.encode(), added: logged.encode().count - before) {
                try ShimRequest(decoding: $0).encode()
            },
            Frame(version: "0.2", name: "request-with-scope", bytes: scoped.encode(), added: scoped.encode().count - before) {
                try ShimRequest(decoding: $0).encode()
            },
        ]
    }()

    private static let process: ProcessPlan = {
        var process = ProcessPlan(arguments: ["/bin/sh", "-c", "true"])
        process.environment = ["PATH=/bin"]
        return process
    }()
    private static let plan = Frame(
        name: "launch-plan", bytes: LaunchPlan(containerID: "corpus", process: process).encode()
    ) { try LaunchPlan(decoding: $0).encode() }
    private static let exec = Frame(name: "exec-plan", bytes: ExecPlan(process: process).encode()) { try ExecPlan(decoding: $0).encode() }

    private static let directory = FilePath(#filePath).removingLastComponent().appending("Frames")

    /// `CONTAINERKIT_WRITE_FRAMES=1` writes the files of a version that is not released yet.
    @Test(arguments: frames) func decodesWhatItsVersionWrote(frame: Frame) throws {
        let path = Self.directory.appending(frame.version).appending(frame.name)
        if getenv("CONTAINERKIT_WRITE_FRAMES") != nil { try Files.write(frame.bytes, to: path) }
        let stored = try Files.read(path)
        #expect(try frame.roundTrip(stored) == stored)
        #expect(stored == frame.bytes, "the frame changed: raise ShimRequest.version")
    }

    /// A change that nobody noticed would leave a frame of the corpus unread.
    @Test(arguments: versions) func everyFileIsRead(version: String) throws {
        let names = try #require(Files.names(in: Self.directory.appending(version)))
        #expect(names == Self.frames.filter { $0.version == version }.map(\.name).sorted())
        #expect(Files.names(in: Self.directory) == Self.versions)
    }

    @Test(arguments: frames) func anotherVersionIsRefusedByNumber(frame: Frame) {
        var newer = frame.bytes
        newer[0] &+= 41
        let version = newer.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        #expect(throws: FrameError.version(version)) { try frame.roundTrip(newer) }
    }

    @Test(arguments: frames) func everyTruncationAndAddedByteIsRefused(frame: Frame) throws {
        for count in frame.bytes.indices {
            let part = Array(frame.bytes[..<count])
            if frame.added > 0, count == frame.bytes.count - frame.added {
                #expect(try frame.roundTrip(part) == part, "an older version's")
            } else {
                #expect(throws: FrameError.self) { try frame.roundTrip(part) }
            }
        }
        #expect(throws: FrameError.self) { try frame.roundTrip(frame.bytes + [0]) }
    }

    /// A newer version of the package has more to tell and to ask: what it has in common with this one still works.
    @Test func unknownKindsArePassedOver() throws {
        let event = ShimEvent.unknown(kind: 200, payload: [1, 2, 3])
        #expect(try ShimEvent(decoding: event.encode()) == event)
        let answer = ShimEvent.reply(id: 3, .unknown(kind: 200, payload: [1, 2, 3]))
        #expect(try ShimEvent(decoding: answer.encode()) == answer)
        let (id, command) = try ShimCommand.decode(ShimCommand.unknown(kind: 200, payload: []).encode(id: 7))
        #expect(id == 7)
        #expect(command == .unknown(kind: 200, payload: []))
    }

    /// Starts from the corpus; mutants that decode join it. Whatever decodes encodes to the same bytes, and nothing traps. Two seconds in
    /// all, or `CONTAINERKIT_FUZZ_SECONDS`.
    @Test func mutantsAreRefusedOrKept() throws {
        let seconds = getenv("CONTAINERKIT_FUZZ_SECONDS").flatMap { Int(String(cString: $0)) } ?? 2
        var random = SystemRandomNumberGenerator()
        var (tried, kept) = (0, 0)
        for frame in Self.frames {
            var corpus = [frame.bytes]
            let end = ContinuousClock.now + .seconds(seconds) / Self.frames.count
            while ContinuousClock.now < end {
                var bytes = corpus.randomElement(using: &random) ?? []
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let position = Int.random(in: 0...bytes.count, using: &random)
                    switch Int.random(in: 0..<5, using: &random) {
                    case 0 where position < bytes.count: bytes[position] = .random(in: 0...255, using: &random)
                    case 1 where position < bytes.count: bytes.remove(at: position)
                    case 2: bytes.insert(.random(in: 0...255, using: &random), at: position)
                    case 3 where position < bytes.count: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    // A length that promises more than there is.
                    case 4 where position + 4 <= bytes.count: bytes.replaceSubrange(position..<position + 4, with: [255, 255, 255, 255])
                    default: bytes.append(contentsOf: bytes.prefix(position))
                    }
                }
                if bytes.count > 4096 { bytes.removeLast(bytes.count - 4096) }
                tried += 1
                guard let again = try? frame.roundTrip(bytes) else { continue }
                #expect(again == bytes, "\(frame.name): \(bytes)")
                if corpus.count < 256 { corpus.append(bytes) }
                kept += 1
            }
        }
        print("Frames: \(tried) mutants, \(kept) decoded")
        #expect(kept > 0 && kept < tried)
    }
}
