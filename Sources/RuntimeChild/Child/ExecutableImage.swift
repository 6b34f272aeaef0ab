internal import CLinux
internal import SystemPackage

/// Arguments, environment and the places where the program may lie, as C strings made in advance: after the filter is
/// loaded nothing but execve may be called.
@safe struct ExecutableImage {
    private let arguments: CStringTable
    private let environment: CStringTable
    private let candidates: CStringTable
    private let count: Int

    /// - Parameter home: added to the environment as HOME.
    init(_ plan: ProcessPlan, home: String? = nil) {
        arguments = CStringTable(plan.arguments)
        environment = CStringTable(home.map { plan.environment + ["HOME=" + $0] } ?? plan.environment)
        let paths = Self.candidates(plan)
        candidates = CStringTable(paths)
        count = paths.count
    }

    func deallocate() {
        for table in [arguments, environment, candidates] { table.deallocate() }
    }

    /// The program itself when its name has a slash, else one path for each entry of the container's PATH.
    static func candidates(_ plan: ProcessPlan) -> [String] {
        guard let program = plan.arguments.first, !program.isEmpty else { return [] }
        if program.utf8.contains(UInt8(ascii: "/")) { return [program] }
        let variable = plan.environment.last { $0.hasPrefix("PATH=") }
        // man 3 execvp: the default without the variable. An empty entry is the working directory.
        let path = variable.map { $0.dropFirst(5) } ?? "/bin:/usr/bin"
        return path.split(separator: ":", omittingEmptySubsequences: false).map { entry in
            entry.isEmpty ? "./" + program : String(entry) + "/" + program
        }
    }

    /// Tries each; returns only when none could be executed, with the most telling reason.
    func execute() -> Errno {
        unsafe tryEach { unsafe ck_execve($0, arguments.pointer, environment.pointer) } ?? .noSuchFileOrDirectory
    }

    /// Why none could be executed by the look of it; nil when one may be.
    func findError() -> Errno? { unsafe tryEach { unsafe ck_faccessat(AT_FDCWD, $0, CInt(X_OK)) } }

    private func tryEach(_ attempt: (UnsafePointer<CChar>) -> Int) -> Errno? {
        var failure = Errno.noSuchFileOrDirectory
        for index in 0..<count {
            guard let candidate = unsafe candidates.pointer[index] else { continue }
            let result = unsafe attempt(candidate)
            if result == 0 { return nil }
            switch Errno(rawValue: CInt(-result)) {
            case .noSuchFileOrDirectory, .notDirectory: continue
            case .permissionDenied: failure = .permissionDenied
            case let errno: return errno
            }
        }
        return failure
    }
}
