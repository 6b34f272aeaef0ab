import CSpawnerEntry
import Testing

@testable import SpawnKit

/// An executable of its own may be of another version of the package than the program that starts it.
@Suite("Versions of the spawner")
struct SpawnerVersionTests {
    private static func hello(protocolVersion: UInt32 = UInt32(ckSpawnerProtocol), shimFrames: UInt32) -> SpawnerHello {
        SpawnerHello(
            protocolVersion: protocolVersion, threads: 1, castWorks: true, roles: 0b10, makesPidNamespaces: true, shimFrames: shimFrames)
    }

    @Test func theSameIsTaken() throws { try SpawnerProcess.judge(Self.hello(shimFrames: 3), shimFrames: 3) }

    /// Neither the probe of these tests nor a program that only unpacks has shims.
    @Test func withoutShimsNothingIsCompared() throws {
        try SpawnerProcess.judge(Self.hello(shimFrames: 0), shimFrames: 3)
        try SpawnerProcess.judge(Self.hello(shimFrames: 3), shimFrames: 0)
    }

    @Test(arguments: [UInt32(2), 4]) func shimsOfAnotherVersionAreRefused(_ version: UInt32) {
        let error = #expect(throws: SpawnError.self) { try SpawnerProcess.judge(Self.hello(shimFrames: version), shimFrames: 3) }
        #expect(error?.reason == "its shims speak version \(version) of the frames, and this program version 3")
    }

    @Test func anotherProtocolIsRefused() {
        #expect(throws: SpawnError.self) { try SpawnerProcess.judge(Self.hello(protocolVersion: 1, shimFrames: 3), shimFrames: 3) }
    }

    /// Every field arrives.
    @Test func helloTravels() throws {
        let event = SpawnerEvent.hello(Self.hello(shimFrames: 7))
        #expect(try SpawnerEvent(decoding: event.encode()) == event)
    }
}
