internal import Glibc
internal import JSONCoding
internal import OCIModel
internal import RuntimeChild
internal import Synchronization
internal import SystemPackage

/// The hooks of a container that is driven by a command. See: runtime-spec config.md, "POSIX-platform Hooks".
struct ContainerHooks {
    /// In the runtime's namespaces, before the change of root: `prestart`, then `createRuntime`.
    var runtime: [Named] = []
    var container: [HookPlan] = []
    var start: [HookPlan] = []
    var poststart: [Named] = []
    var poststop: [Named] = []

    struct Named {
        var field: String
        var plan: HookPlan
    }

    /// - Throws: `RuntimeError.Code.invalidField`.
    init(_ hooks: RuntimeConfiguration.Hooks?) throws(RuntimeError) {
        guard let hooks else { return }
        runtime = try Self.compile(hooks.prestart, "prestart") + Self.compile(hooks.createRuntime, "createRuntime")
        container = try Self.compile(hooks.createContainer, "createContainer").map(\.plan)
        start = try Self.compile(hooks.startContainer, "startContainer").map(\.plan)
        poststart = try Self.compile(hooks.poststart, "poststart")
        poststop = try Self.compile(hooks.poststop, "poststop")
    }

    private static func compile(_ hooks: [RuntimeConfiguration.Hook]?, _ kind: String) throws(RuntimeError) -> [Named] {
        var result: [Named] = []
        for (index, hook) in (hooks ?? []).enumerated() {
            let field = "hooks.\(kind)[\(index)]"
            guard hook.path.hasPrefix("/"), !hook.path.utf8.contains(0) else {
                throw .invalid(field + ".path", "\"\(hook.path)\" is not absolute")
            }
            if let timeout = hook.timeout, timeout <= 0 { throw .invalid(field + ".timeout", "\(timeout) is not above 0") }
            for text in (hook.args ?? []) + (hook.env ?? []) where text.utf8.contains(0) { throw .invalid(field, "holds a NUL") }
            let arguments = hook.args.flatMap { $0.isEmpty ? nil : $0 } ?? [hook.path]
            result.append(
                Named(
                    field: field,
                    plan: HookPlan(path: hook.path, arguments: arguments, environment: hook.env ?? [], timeout: hook.timeout)))
        }
        return result
    }

    /// Runs hooks in order, up to the first that fails.
    static func run(_ hooks: [Named], state: String) throws(RuntimeError) {
        for hook in hooks {
            do throws(HookFailure) { try HookProcess.run(hook.plan, state: state) } catch { throw failure(hook, error) }
        }
    }

    private static func failure(_ hook: Named, _ failure: HookFailure) -> RuntimeError {
        let reason =
            switch failure {
            case .exited(let code): "\(hook.plan.path) exited with \(code)"
            case .signaled(let signal): "\(hook.plan.path) was ended by signal \(signal)"
            case .timedOut: "\(hook.plan.path) took longer than \(hook.plan.timeout ?? 0) s"
            case .notStarted: "\(hook.plan.path) cannot be started"
            }
        var errno: Errno?
        if case .notStarted(let number) = failure { errno = Errno(rawValue: number) }
        return RuntimeError(.hookFailed, .field(hook.field), reason, errno: errno)
    }

    /// The state that a hook reads.
    static func state(_ record: ContainerRecord, _ status: RuntimeState.Status, pid: Int32) -> String {
        let (before, after) = state(record, status)
        return before + "\(pid)" + after
    }

    /// The same around the pid.
    static func state(_ record: ContainerRecord, _ status: RuntimeState.Status) -> (before: String, after: String) {
        let head = JSONValue.object([
            ("ociVersion", .string(record.ociVersion)), ("id", .string(record.id)), ("status", .string(status.rawValue)),
        ]).text()
        let tail = JSONValue.object([
            ("bundle", .string(record.bundle)), ("root", .string(record.rootfs)),
            ("annotations", .object((record.annotations ?? [:]).sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
        ]).text()
        return (head.dropLast() + ",\"pid\":", "," + tail.dropFirst())
    }
}

/// What a hook's closure leaves for the call that made it.
final class HookOutcome: Sendable {
    let error = Mutex<RuntimeError?>(nil)
}
