internal import BundleKit
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// What a program needs to go on with a container that another one made: `containers/<id>/config.json`. It also keeps the container's
/// layers from being collected.
struct ContainerRecord: Codable, Sendable {
    static let currentVersion = 1
    var version = currentVersion
    var image: String
    var configuration: RuntimeConfiguration
    /// Topmost first: the directories of its root file system.
    var lowerDirectories: [String]
    /// Whether there is an upper directory beside this file.
    var hasUpper: Bool
    /// Names of its layers in the store.
    var layers: [String]
    /// Digest of its image's manifest, whose blobs are kept for a commit.
    var manifest: String?
    /// Destinations of the image's volumes.
    var volumes: Set<String>?
    var stopSignal: Int32
    var stopGraceSeconds: Double
    var log: String?
    /// Of the boot in which it was made: without a state in this very boot its maker was killed before there was a container. After
    /// another boot the state is gone because it lay in memory.
    var bootID: String?
    var logOptions: LogOptions?
    var restart: RestartPolicy?
    var healthCheck: HealthCheck?
    var reapsChildren: Bool?
    var labels: [String: String]?
    /// Nanoseconds since 1970.
    var createdAt: Int64?
    var outputFileSize: ByteCount?
    var startDeadline: StartDeadline?

    /// For lists.
    var details: [String: String] {
        var details = [
            "image": image, "command": (configuration.process?.args ?? []).joined(separator: " "),
            "terminal": configuration.process?.terminal == true ? "true" : "false",
        ]
        for (name, value) in labels ?? [:] { details["label." + name] = value }
        return details
    }

    /// From now on it is a container whatever its state says. Blocks.
    func markBorn(in directory: FilePath) throws(ContainerError) {
        if bootID == nil { return }
        var born = self
        born.bootID = nil
        let (new, old) = (directory.appending("config.json.new"), directory.appending("config.json"))
        unlink(new.string)
        try born.write(to: new)
        if rename(new.string, old.string) != 0 { throw .storage(Errno(rawValue: errno), old) }
    }

    /// Blocks.
    func write(to path: FilePath) throws(ContainerError) {
        let bytes: [UInt8]
        do { bytes = Array(try JSONEncoder().encode(self)) } catch {
            throw ContainerError(.storage, .path(path), "the record cannot be encoded", cause: error)
        }
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path.string, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            var failure: Errno?
            bytes.withUnsafeBytes { bytes in
                do throws(Errno) { try file.writeAll(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
        } catch { throw .storage(error, path) }
    }

    /// Nil where there is no /proc.
    static let currentBootID = try? BootID.read()

    /// Whether a directory with this record and without a state is what a killed maker has left.
    static func isUnborn(_ path: FilePath) -> Bool {
        do throws(ContainerError) {
            guard let record = try read(path) else { return true }
            return record.bootID != nil && record.bootID == currentBootID
        } catch {
            // Half of one was written before its maker died, or a newer version's; the latter has a state, or stays.
            return error.cause is DecodingError
        }
    }

    /// Blocks.
    /// - Returns: nil when there is none.
    static func read(_ path: FilePath) throws(ContainerError) -> ContainerRecord? {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW).readAll(limit: 16 << 20)
        } catch .noSuchFileOrDirectory { return nil } catch { throw .storage(error, path) }
        do {
            let record = try JSONDecoder().decode(ContainerRecord.self, from: Data(bytes))
            guard record.version <= currentVersion else {
                throw ContainerError(
                    .storage, .path(path), "it was written by a newer version of this package", advice: "Update, or use another root.")
            }
            return record
        } catch let error as ContainerError { throw error } catch {
            throw ContainerError(.storage, .path(path), "the record makes no sense", cause: error)
        }
    }
}
