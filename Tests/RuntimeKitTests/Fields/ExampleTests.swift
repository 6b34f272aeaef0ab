import FoundationEssentials
import JSONCoding
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
    }

    @Test(arguments: ["invalid-json.json", "linux-hugepage.json", "linux-netdevice.json", "linux-rdma.json"])
    func badOnesAreRefused(_ name: String) {
        #expect(throws: RuntimeError.self) { try compile("bad/\(name)") }
    }

    private func read(_ text: String) throws -> RuntimeConfiguration {
        try TestDirectory.scoped { directory in
            let file = directory.appending("config.json")
            try Files.write(text, to: file)
            return try BundleConfiguration.read(file.string).configuration
        }
    }
}
