internal import BundleKit
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Says which layers this engine uses: `leases/<random>`, a list of names, locked as long as the engine lives. Whoever can take the lock
/// knows that it is dead; no process ids, no clocks.
final class StoreLease: Sendable {
    private let directory: FilePath
    private let path: FilePath
    private let file: SharedDescriptor
    /// Held shared by who pulls or unpacks, exclusively by who collects.
    private let gate: FilePath

    /// Blocks.
    init(in root: FilePath) throws(ContainerError) {
        directory = root.appending("leases")
        gate = root.appending("lock")
        try EngineDirectories.make(directory)
        while true {
            let path = directory.appending(String(UInt64.random(in: 0 ... .max), radix: 16))
            do throws(Errno) {
                let file = try OwnedDescriptor.open(path.string, flags: O_RDWR | O_CREAT | O_EXCL | O_APPEND, mode: 0o600)
                flock(file.rawValue, LOCK_EX | LOCK_NB)
                // A collector may have taken it for dead before it was locked.
                guard access(path.string, F_OK) == 0 else { continue }
                self.path = path
                self.file = SharedDescriptor(file)
                return
            } catch .fileExists { continue } catch { throw .storage(error, path) }
        }
    }

    /// Keeps collectors away until the result goes. Blocks while one is at work.
    func protect() throws(ContainerError) -> SharedDescriptor { try lock(LOCK_SH) }

    /// Keeps these layers until the engine ends. Blocks.
    func hold(_ keys: [LayerKey]) throws(ContainerError) {
        do throws(Errno) {
            try file.withDescriptor { file throws(Errno) in try file.write(keys.map { $0.hex + "\n" }.joined()) }
        } catch { throw .storage(error, path) }
    }

    /// The engine has ended.
    func end() { unlink(path.string) }

    /// What the engines of this root hold, this one too, with the lock that keeps it so. Removes what dead engines left. Blocks.
    /// - Throws: `.busy` while somebody pulls.
    func all() throws(ContainerError) -> (keys: Set<LayerKey>, lock: SharedDescriptor) {
        let lock = try lock(LOCK_EX | LOCK_NB)
        var keys: Set<LayerKey> = []
        for name in try DirectoryNames.list(directory) {
            let path = directory.appending(name)
            guard let lease = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW) else { continue }
            if path != self.path, flock(lease.rawValue, LOCK_EX | LOCK_NB) == 0 {
                unlink(path.string)
                continue
            }
            do throws(Errno) {
                let text = String(decoding: try lease.readAll(limit: 64 << 20), as: UTF8.self)
                keys.formUnion(text.split(separator: "\n").compactMap { LayerKey(hex: String($0)) })
            } catch { throw .storage(error, path) }
        }
        return (keys, lock)
    }

    private func lock(_ operation: CInt) throws(ContainerError) -> SharedDescriptor {
        do throws(Errno) {
            let descriptor = SharedDescriptor(try OwnedDescriptor.open(gate.string, flags: O_RDWR | O_CREAT, mode: 0o600))
            while flock(descriptor.rawValue, operation) != 0 {
                if errno == EINTR { continue }
                throw Errno(rawValue: errno)
            }
            return descriptor
        } catch {
            if error == .wouldBlock {
                throw ContainerError(
                    .busy, .path(gate), "an image is being pulled or unpacked in this root", advice: "Try again when it is done.")
            }
            throw .storage(error, gate)
        }
    }
}

enum DirectoryNames {
    /// Names in a directory. Blocks.
    static func list(_ path: FilePath) throws(ContainerError) -> [String] {
        var names: [String] = []
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        } catch { throw .storage(error, path) }
        return names.sorted()
    }
}
