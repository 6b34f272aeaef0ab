import Glibc

/// Messages for a person on standard error, and for an engine in the file of `--log`, in the forms it reads.
struct Log {
    private var file: Int32?
    private var isJSON = false
    private var isDebug = false

    init() {}

    init(_ options: GlobalOptions) throws {
        isJSON = options.logsJSON
        isDebug = options.isDebug
        guard let path = options.log, path != "/dev/stderr" else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        file = descriptor
        if descriptor < 0 { throw CommandFailure("open \(path): \(String(cString: strerror(errno)))") }
    }

    func debug(_ message: String) { if isDebug { write("debug", message) } }

    func error(_ message: String) {
        write("error", message)
        if file != nil { Self.put(message + "\n", on: 2) }
    }

    private func write(_ level: String, _ message: String) {
        let text =
            isJSON
            ? "{\"level\":\"\(level)\",\"msg\":\(Self.quoted(message)),\"time\":\"\(Self.time())\"}\n"
            : "time=\"\(Self.time())\" level=\(level) msg=\(Self.quoted(message))\n"
        Self.put(text, on: file ?? 2)
    }

    private static func put(_ text: String, on descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func time() -> String {
        var now = Glibc.time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }
}
