import RuntimeKit
import SystemPackage

/// Failures in the words of runc, which engines look for.
enum Wording {
    /// - Parameter program: argv[0] of the process that was to be started.
    static func message(_ error: RuntimeError, program: String?) -> String {
        switch error.code {
        case .containerNotFound, .containerExists, .wrongState: return error.reason
        case .executableNotFound:
            let name = program ?? "\(error.subject)"
            if name.contains("/") { return start("exec: \"\(name)\": stat \(name): no such file or directory") }
            return start("exec: \"\(name)\": executable file not found in $PATH")
        case .executableNotRunnable:
            let reason = error.errno.map { lowercased($0) } ?? error.reason
            return start("exec: \"\(program ?? "\(error.subject)")\": \(reason)")
        case .workingDirectoryUnusable:
            let reason = error.errno.map { lowercased($0) } ?? error.reason
            return start("chdir to cwd (\"\(error.subject)\") set in config.json failed: \(reason)")
        default: return "\(error)"
        }
    }

    private static func start(_ text: String) -> String { "unable to start container process: \(text)" }

    /// Go's texts begin small.
    private static func lowercased(_ errno: Errno) -> String {
        let text = "\(errno)"
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
