internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The directories of an engine, and what it keeps for each container.
struct EngineDirectories: Sendable {
    let root: FilePath
    let run: FilePath

    var content: FilePath { root.appending("content") }
    var layers: FilePath { root.appending("layers") }
    var containers: FilePath { root.appending("containers") }
    var cache: FilePath { root.appending("cache") }

    /// Makes what is missing, 0700. Blocks.
    func make() throws(ContainerError) {
        for path in [root, run] {
            guard path.isAbsolute else {
                throw ContainerError(.configurationRefused, .path(path), "the engine's directories must be absolute")
            }
            try Self.makeAll(path)
        }
        for path in [containers, cache] { try Self.make(path) }
    }

    private static func makeAll(_ path: FilePath) throws(ContainerError) {
        if mkdir(path.string, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path.components.count > 1 else { throw .storage(Errno(rawValue: errno), path) }
        try makeAll(path.removingLastComponent())
        try make(path)
    }

    static func make(_ path: FilePath, mode: mode_t = 0o700) throws(ContainerError) {
        if mkdir(path.string, mode) != 0 && errno != EEXIST { throw .storage(Errno(rawValue: errno), path) }
    }
}

/// The directory of one container below the root, held by a lock until its supervisor has taken it over: a sweep that gets the lock and
/// finds no state knows that its maker died.
final class ContainerDirectory: Sendable {
    let path: FilePath
    private let lock: SharedDescriptor
    var upper: FilePath { path.appending("upper") }
    var work: FilePath { path.appending("work") }
    var record: FilePath { path.appending("config.json") }
    var log: FilePath { path.appending("output.log") }

    /// Makes it. Blocks.
    /// - Throws: `.nameTaken`, `.storage`.
    init(_ id: String, in containers: FilePath, overlay: Bool) throws(ContainerError) {
        path = containers.appending(id)
        if mkdir(path.string, 0o700) != 0 {
            if errno == EEXIST {
                throw ContainerError(
                    .nameTaken, .path(path), "a container of this name exists",
                    advice: "Choose another name, or delete that container first.")
            }
            throw .storage(Errno(rawValue: errno), path)
        }
        do throws(Errno) {
            lock = SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY))
        } catch {
            rmdir(path.string)
            throw .storage(error, path)
        }
        flock(lock.rawValue, LOCK_EX | LOCK_NB)
        guard overlay else { return }
        do throws(ContainerError) {
            // The root directory of the container has the mode of the upper one.
            try EngineDirectories.make(upper, mode: 0o755)
            chmod(upper.string, 0o755)
            try EngineDirectories.make(work)
        } catch {
            rmdir(upper.string)
            rmdir(path.string)
            throw error
        }
    }

    /// Keeps sweeps away from one that exists, as long as the descriptor lives. Blocks.
    /// - Throws: `.busy` when somebody else holds it; `.storage`.
    static func hold(_ path: FilePath) throws(ContainerError) -> SharedDescriptor {
        let directory: SharedDescriptor
        do throws(Errno) {
            directory = SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
        } catch { throw .storage(error, path) }
        guard flock(directory.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            throw ContainerError(.busy, .path(path), "another program starts or removes it")
        }
        return directory
    }

    /// Removes it again. Blocks.
    func remove() throws(Errno) { try TreeRemoval.remove(path.string) }

    /// Removes what makers that died have left: no lock, no state, no record but one of this boot. Blocks.
    static func sweep(_ directories: EngineDirectories) -> [FilePath] {
        guard let entries = opendir(directories.containers.string) else { return [] }
        defer { closedir(entries) }
        var removed: [FilePath] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name == "." || name == ".." { continue }
            let path = directories.containers.appending(name)
            guard let directory = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                flock(directory.rawValue, LOCK_EX | LOCK_NB) == 0,
                access(directories.run.appending("containers").appending(name).string, F_OK) != 0,
                ContainerRecord.isUnborn(path.appending("config.json"))
            else { continue }
            if (try? TreeRemoval.remove(path.string)) != nil { removed.append(path) }
        }
        return removed
    }
}
