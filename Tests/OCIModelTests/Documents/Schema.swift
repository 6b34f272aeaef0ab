import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// The specifications' own JSON schemas, which lie in `Schemas`.
enum Schema: String, CaseIterable {
    case descriptor = "image-spec/content-descriptor.json"
    case index = "image-spec/image-index-schema.json"
    case manifest = "image-spec/image-manifest-schema.json"
    case imageConfiguration = "image-spec/config-schema.json"
    case imageLayout = "image-spec/image-layout-schema.json"
    case runtimeConfiguration = "runtime-spec/config-schema.json"

    static var directory: FilePath { FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Schemas") }

    /// What the schema objects to in a document; nil when it is valid.
    func complaint(_ document: [UInt8]) throws -> String? {
        let program = Self.directory.appending("validate").string
        let result = try Command(["python3", program, Self.directory.appending(rawValue).string], input: document).run()
        return result.status == 0 ? nil : result.standardError
    }

    func complaint(encoding value: some Encodable) throws -> String? { try complaint(Array(JSONEncoder().encode(value))) }

    static var isUsable: Bool { (try? Command.run("python3", "-c", "import jsonschema")) != nil }
}

extension Trait where Self == ConditionTrait {
    static var needsSchemas: Self { .enabled(if: Schema.isUsable, "not installed: python3-jsonschema; `.ci/install` installs it") }
}
