internal import Glibc
internal import JSONCoding
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// config.json of a bundle, read.
struct BundleConfiguration {
    var configuration: RuntimeConfiguration
    /// The text it was read from.
    var bytes: [UInt8]

    /// - Throws: `RuntimeError.Code.invalidField` with the member's path.
    static func read(_ path: String) throws(RuntimeError) -> BundleConfiguration {
        let bytes = try bytes(path)
        return BundleConfiguration(configuration: try decode(RuntimeConfiguration.self, bytes, of: path), bytes: bytes)
    }

    static func bytes(_ path: String) throws(RuntimeError) -> [UInt8] {
        do throws(Errno) { return try OwnedDescriptor.open(path, flags: O_RDONLY | O_NOCTTY).readAll(limit: JSONDocument.limit) } catch {
            throw RuntimeError(
                .invalidField, .path(FilePath(path)),
                error == .noSuchFileOrDirectory ? "JSON specification file not found" : "it cannot be read",
                errno: error, advice: "Name the bundle's directory (`--bundle`); `spec` writes a configuration to start from.")
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], of path: String) throws(RuntimeError) -> Value {
        do { return try JSONReader.decode(type, from: bytes) } catch {
            let (field, reason) = JSONReader.explain(error)
            throw RuntimeError(.invalidField, field.map { .field($0) } ?? .path(FilePath(path)), reason)
        }
    }
}
