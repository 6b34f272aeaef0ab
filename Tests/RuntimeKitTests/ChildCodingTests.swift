import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// The frame of a plan: what goes in comes out, and nothing that is no plan is taken or brings the decoder down.
@Suite struct ChildCodingTests {
    @Test func everyFieldSurvives() throws {
        let plan = ChildPlans.everything()
        #expect(try LaunchPlan(decoding: plan.encode()) == plan)
        let exec = ExecPlan(process: plan.process)
        #expect(try ExecPlan(decoding: exec.encode()) == exec)
    }

    @Test func everyTruncationIsRefused() {
        let bytes = ChildPlans.everything().encode()
        for count in bytes.indices {
            #expect(throws: FrameError.self) { try LaunchPlan(decoding: Array(bytes[..<count])) }
        }
    }

    @Test func trailingBytesAndOtherVersionsAreRefused() {
        let bytes = ChildPlans.everything().encode()
        #expect(throws: FrameError.trailingBytes) { try LaunchPlan(decoding: bytes + [0]) }
        #expect(throws: FrameError.version(0)) { try LaunchPlan(decoding: [0, 0, 0, 0]) }
    }

    /// A plan that has nothing of what came later is the first version's: an older shim reads it.
    @Test func whatIsOldIsWrittenAsBefore() throws {
        let plan = ChildPlans.full(root: "/nowhere", ["true"])
        #expect(Array(plan.encode().prefix(4)) == [0x01, 0x00, 0x4b, 0x43])
        #expect(Array(ChildPlans.everything().encode().prefix(4)) == [0x02, 0x00, 0x4b, 0x43])
        #expect(try LaunchPlan(decoding: plan.encode()) == plan)
    }

    @Test func aMapThatNamesNoTreeIsRefused() {
        var plan = ChildPlans.everything()
        plan.idMappedTrees[0].tree = 99
        #expect(throws: FrameError.invalidValue) { try LaunchPlan(decoding: plan.encode()) }
    }

    @Test func aStepThatNamesNoTreeIsRefused() {
        var plan = ChildPlans.everything()
        plan.steps.append(.attach(tree: 99, target: "/"))
        #expect(throws: FrameError.invalidValue) { try LaunchPlan(decoding: plan.encode()) }
    }

    /// Flipped bytes give a failure or another plan, which encodes to what was decoded.
    @Test(arguments: [UInt64(1), 2, 3]) func mutationsAreHarmless(seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let bytes = ChildPlans.everything().encode()
        for _ in 0..<5_000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let plan = try? LaunchPlan(decoding: mutated) { #expect(plan.encode() == mutated) }
        }
    }
}
