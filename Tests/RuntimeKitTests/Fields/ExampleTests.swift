import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// The specification's own examples, read as `ckrun` reads them.
@Suite struct ExampleTests {
    private static let directory = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("OCIModelTests/Schemas/runtime-spec/test/config")

    private func compile(_ name: String) throws {
        let configuration = try BundleConfiguration.read(Self.directory.appending(name).string).configuration
        _ = try Configurations.compile {
            $0.linux?.resources = configuration.linux?.resources
            $0.linux?.netDevices = configuration.linux?.netDevices
        }
    }

    @Test(arguments: ["linux-netdevice.json", "linux-rdma.json", "minimal-for-start.json", "minimal.json", "spec-example.json"])
    func goodOnesAreRead(_ name: String) throws {
        _ = try BundleConfiguration.read(Self.directory.appending("good/\(name)").string)
        if name == "linux-netdevice.json" { try compile("good/\(name)") }
    }

    @Test(arguments: ["invalid-json.json", "linux-hugepage.json", "linux-netdevice.json", "linux-rdma.json"])
    func badOnesAreRefused(_ name: String) {
        #expect(throws: RuntimeError.self) { try compile("bad/\(name)") }
    }

    /// Unknown members are ignored, as the specification demands. Of a member that is there twice the last counts, as everywhere.
    @Test func unknownAndDoubledMembers() throws {
        let text = #"{"cwd":"/a","cwd":"/b","future":{"x":[1]},"args":["true"]}"#
        let process = try BundleConfiguration.decode(RuntimeConfiguration.Process.self, Array(text.utf8), of: "process")
        #expect(process.cwd == "/b")
        #expect(process.args == ["true"])
    }

    /// Ids are 32 bits, strictly (CVE-2026-30892).
    @Test(arguments: ["-1", "4294967296", "1.5", "\"0\"", "1e3x"]) func idsAreStrict(_ number: String) {
        let text = #"{"cwd":"/","args":["true"],"user":{"uid":\#(number),"gid":0}}"#
        #expect(throws: RuntimeError.self) {
            try BundleConfiguration.decode(RuntimeConfiguration.Process.self, Array(text.utf8), of: "process")
        }
    }
}
