import FoundationEssentials
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// The documents that a runtime command writes, against the specification's schemas, and their claims against what is done.
@Suite struct RuntimeCommandDocumentTests {
    private static let schemas = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("OCIModelTests/Schemas")
    private static let canValidate = (try? Command.run("python3", "-c", "import jsonschema")) != nil

    private struct Features: Decodable {
        struct Linux: Decodable {
            struct Seccomp: Decodable {
                var actions: [RuntimeConfiguration.SeccompAction]
                var operators: [String]
                var archs: [String]
                var supportedFlags: [String]
            }
            var namespaces: [RuntimeConfiguration.NamespaceType]
            var seccomp: Seccomp
        }
        var mountOptions: [String]
        var linux: Linux
    }

    private func complaint(_ document: String, schema: String) throws -> String {
        try Command(
            ["python3", Self.schemas.appending("validate").string, Self.schemas.appending("runtime-spec/\(schema)").string],
            input: Array(document.utf8)
        ).run().standardError
    }

    @Test(.enabled(if: canValidate, "not installed: python3-jsonschema; `.ci/install` installs it")) func theyAreValid() throws {
        #expect(try complaint(RuntimeFeatures.json(), schema: "features-schema.json") == "")
        #expect(try complaint(#"{"ociVersionMin":1}"#, schema: "features-schema.json") != "")
        for status in [RuntimeState.Status.creating, .created, .running, .stopped] {
            let state = RuntimeState(
                id: try #require(ContainerID("one")), status: status, pid: 7, bundle: "/b", rootfs: "/b/r", created: "2026-01-01T00:00:00Z",
                annotations: ["a": "b"], owner: 0)
            #expect(try complaint(state.json(ownerName: "root", isIndented: true), schema: "state-schema.json") == "")
        }
    }

    /// What it says it can do is known to what does it.
    @Test func theClaimsHold() throws {
        let features = try JSONDecoder().decode(Features.self, from: Data(RuntimeFeatures.json().utf8))
        for option in features.mountOptions { #expect(try MountOptions([option], field: "options").data == [], "\(option)") }
        for action in features.linux.seccomp.actions { #expect(SeccompNames.action(action, data: nil) != nil) }
        for name in features.linux.seccomp.operators { #expect(SeccompNames.comparison(name) != nil) }
        for name in features.linux.seccomp.archs { #expect(SeccompNames.architecture(name) != nil) }
        for name in features.linux.seccomp.supportedFlags { #expect(SeccompNames.flag(name) != nil) }
        for type in features.linux.namespaces { #expect(NamespaceCompiler.flag(type) != nil) }
    }
}
