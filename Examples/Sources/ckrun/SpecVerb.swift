import Glibc

/// `spec`: a configuration to start from.
enum SpecVerb {
    static func run(_ words: [String]) throws -> Int32 {
        let arguments = try Arguments(words, verb: "spec", switches: ["rootless"], valued: ["bundle"], aliases: ["b": "bundle"])
        let path = (arguments.value("bundle").map { $0 + "/" } ?? "") + "config.json"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw CommandFailure("File config.json exists. Remove it first") }
            throw CommandFailure("open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let text = SpecTemplate.text(isRootless: arguments.has("rootless"), uid: geteuid(), gid: getegid())
        let bytes = Array(text.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw CommandFailure("write \(path): \(String(cString: strerror(errno)))")
        }
        return 0
    }
}
