internal import Glibc
internal import JSONCoding
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// The directory of one container below a runtime's root, 0700: `state.json`, `config.json`, and `exec.fifo` until it is started.
/// Whatever instant a crash leaves it at, it is read: without a whole `state.json` the container was being made.
struct StateDirectory {
    let id: ContainerID
    let path: String

    init(_ id: ContainerID, root: FilePath) {
        self.id = id
        path = root.string + "/" + id.description
    }

    var fifo: String { path + "/exec.fifo" }

    /// Makes it, and the root where that is missing.
    /// - Throws: `RuntimeError.Code.containerExists`, `.notPermitted`.
    func make(root: FilePath) throws(RuntimeError) {
        var result = mkdir(path, 0o700)
        if result != 0, errno == ENOENT {
            Self.makeRoot(root.string)
            result = mkdir(path, 0o700)
        }
        if result == 0 { return }
        let failure = Errno(rawValue: errno)
        if failure == .fileExists {
            throw RuntimeError(
                .containerExists, .container(id), "container with given ID already exists", advice: "Take another name, or delete that one."
            )
        }
        throw RuntimeError(
            failure.isLackOfRights ? .notPermitted : .processSetupFailed, .path(FilePath(path)), "the state directory cannot be made",
            errno: failure, advice: "Give another root (`--root`).")
    }

    private static func makeRoot(_ path: String) {
        if mkdir(path, 0o700) != 0, errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            makeRoot(String(path[..<slash]))
            mkdir(path, 0o700)
        }
    }

    /// Writes a file that was not there.
    func write(_ name: String, _ bytes: [UInt8]) throws(RuntimeError) {
        do throws(Errno) {
            let file = try OwnedDescriptor.open("\(path)/\(name)", flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try file.write(bytes)
        } catch { throw failure(name, "cannot be written", error) }
    }

    /// Writes the record in one step: a reader sees the old one or the new one.
    func replace(_ record: ContainerRecord) throws(RuntimeError) {
        let temporary = ".state.json.\(getpid())"
        unlink("\(path)/\(temporary)")
        try write(temporary, Array(record.text.utf8))
        if rename("\(path)/\(temporary)", path + "/state.json") != 0 {
            throw failure("state.json", "cannot be moved", Errno(rawValue: errno))
        }
    }

    /// The record; nil where it was never finished.
    /// - Throws: `RuntimeError.Code.containerNotFound` without a directory.
    func read() throws(RuntimeError) -> ContainerRecord? {
        do throws(Errno) {
            let bytes = try OwnedDescriptor.open(path + "/state.json", flags: O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 24)
            return try? JSONReader.decode(ContainerRecord.self, from: bytes)
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory {
                if access(path, F_OK) == 0 { return nil }
                throw .notFound(id)
            }
            throw failure("state.json", "cannot be read", error)
        }
    }

    /// The configuration that the container was made from.
    func configuration() throws(RuntimeError) -> RuntimeConfiguration {
        try BundleConfiguration.read(path + "/config.json").configuration
    }

    /// Its hooks alone; the rest of a document that was checked when the container was made is not looked at.
    func hooks() throws(RuntimeError) -> ContainerHooks {
        struct Document: Decodable { var hooks: RuntimeConfiguration.Hooks? }
        let path = path + "/config.json"
        return try ContainerHooks(BundleConfiguration.decode(Document.self, BundleConfiguration.bytes(path), of: path).hooks)
    }

    func remove() throws(RuntimeError) {
        // What lies in there by name, without a walk; the walk is for what somebody else has put there.
        for name in ["exec.fifo", "config.json", "state.json"] { unlink("\(path)/\(name)") }
        if rmdir(path) == 0 || errno == ENOENT { return }
        do throws(Errno) { try TreeRemoval.remove(path) } catch { throw failure("", "cannot be removed", error) }
    }

    private func failure(_ name: String, _ what: String, _ errno: Errno) -> RuntimeError {
        RuntimeError(
            errno.isLackOfRights ? .notPermitted : .processSetupFailed, .path(FilePath("\(path)/\(name)")), what, errno: errno,
            advice: "The state of a container needs a writable directory on a local file system.")
    }
}

extension RuntimeError {
    static func notFound(_ id: ContainerID) -> RuntimeError {
        RuntimeError(.containerNotFound, .container(id), "container does not exist", advice: "`list` shows those that do.")
    }

    static func state(_ id: ContainerID, _ reason: String, advice: String? = nil) -> RuntimeError {
        RuntimeError(.wrongState, .container(id), reason, advice: advice)
    }
}
