internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
public import OCIModel
public import SystemPackage

extension RuntimeConfiguration {
    /// Writes `config.json` into a bundle's directory: beside it first, then renamed, mode 0600.
    /// - Throws: `.storage`.
    public func write(toBundle directory: FilePath) async throws(BundleError) {
        let bytes: [UInt8]
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            bytes = Array(try encoder.encode(self))
        } catch {
            throw BundleError(.storage, .path(directory), cause: error, "The configuration could not be written as JSON: \(error).")
        }
        try await BlockingWork.run { () throws(BundleError) in
            do throws(Errno) {
                let folder = SharedDescriptor(try OwnedDescriptor.open(directory.string, flags: O_DIRECTORY))
                let parent = try folder.duplicate()
                let file = try OwnedDescriptor.open(
                    ".config.json.new", at: parent, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600, resolve: .beneath)
                let result: Result<Void, Errno> = bytes.withUnsafeBytes { bytes in
                    do throws(Errno) { return .success(try file.writeAll(bytes)) } catch { return .failure(error) }
                }
                try result.get()
                try DirectoryCalls.rename(".config.json.new", in: folder, to: "config.json", in: folder, replacing: true)
            } catch {
                throw .storage(error, directory)
            }
        }
    }
}
