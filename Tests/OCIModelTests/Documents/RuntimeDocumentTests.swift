import FoundationEssentials
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// The examples of runtime-spec 1.3 and our reading of them.
@Suite(.needsSchemas) struct RuntimeDocumentTests {
    static let examples = Schema.directory.appending("runtime-spec/test/config")
    /// Those for Linux.
    static let good = ["linux-netdevice.json", "linux-rdma.json", "minimal-for-start.json", "minimal.json", "spec-example.json"]

    @Test(arguments: good) func readsAndWrites(_ name: String) throws {
        let bytes = try Files.read(Self.examples.appending("good/\(name)"))
        let configuration = try JSONDecoder().decode(RuntimeConfiguration.self, from: Data(bytes))
        #expect(try Schema.runtimeConfiguration.complaint(encoding: configuration) == nil)
        // The example still has a member that the specification lost in 1.0: it is `process.oomScoreAdj` now.
        let lost = name == "spec-example.json" ? ["/linux/resources/oomScoreAdj"] : []
        #expect(try JSONValue(encoding: configuration).differences(to: JSONValue(String(decoding: bytes, as: UTF8.self))) == lost)
    }

    @Test func brokenJSONIsRefused() throws {
        let bytes = try Files.read(Self.examples.appending("bad/invalid-json.json"))
        #expect(throws: (any Error).self) { try JSONDecoder().decode(RuntimeConfiguration.self, from: Data(bytes)) }
    }

    @Test func anEmptyOneIsValid() throws {
        #expect(try Schema.runtimeConfiguration.complaint(encoding: RuntimeConfiguration()) == nil)
    }
}
