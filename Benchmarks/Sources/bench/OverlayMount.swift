import Foundation

/// An overlay for a runtime command, which takes a mounted root: made and removed with each run, in the benchmark's mount namespace.
struct OverlayMount {
    let lower: String
    let directory: String
    var target: String { directory + "/merged" }

    func mount() throws {
        for path in [directory, directory + "/upper", directory + "/work", target] { mkdir(path, 0o755) }
        let options = "lowerdir=\(lower),upperdir=\(directory)/upper,workdir=\(directory)/work"
        guard Glibc.mount("overlay", target, "overlay", 0, options) == 0 else {
            throw BenchmarkError("overlay: \(String(cString: strerror(errno)))")
        }
    }

    func unmount() throws {
        guard umount2(target, 0) == 0 else { throw BenchmarkError("umount \(target): \(String(cString: strerror(errno)))") }
        for path in [directory + "/work/work", directory + "/work", directory + "/upper", target, directory] { rmdir(path) }
    }
}
