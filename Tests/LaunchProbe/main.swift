import CLinux
import LinuxSystem
import RuntimeChild
import SystemPackage

// A single-threaded launcher for tests: `launch-probe <mode> <file of an encoded plan> [file of an exec plan]`, its own
// standard streams handed on. Prints facts to descriptor 3 when that is open, one `key value` a line.
//
//   run      launches, waits, removes
//   ahead    as run, with all that a launcher may have ahead of a plan; <n> times
//   empty    tells what there is in the mount namespace that launches begin with, and what happens to who makes something there
//   create   parks, waits 50 ms, starts, waits, removes
//   abandon  parks and lets go
//   exec     launches, executes the second plan in it, once or <n> times, waits for that, kills, removes
//   connect  launches, connects to port 8080 inside, copies what it says to standard output, kills, removes
//   loop     runs the plan <n> times and prints the microseconds of each
//   hooks    creates with a hook of each kind: <launcher's> <before the change of root> <before the start> <seconds>, `-` for none
//   leaks    tries the plan <n> times, then prints how many descriptors and children there are more than before
//   terminal as run, and copies the pty master to standard output

ck_reset_signals()
ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

func read(_ path: String) -> [UInt8] {
    (try? OwnedDescriptor.open(path, flags: O_RDONLY).readAll(limit: 1 << 24)) ?? []
}

func print(_ text: String, to descriptor: CInt = 3) {
    let bytes = Array((text + "\n").utf8)
    _ = ck_write(descriptor, bytes, bytes.count)
}

func streams(_ plan: ProcessPlan) throws(Errno) -> StandardStreams? {
    if plan.terminal { return nil }
    func copy(_ descriptor: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(ck_fcntl(descriptor, F_DUPFD_CLOEXEC, 10))))
    }
    return StandardStreams(input: try copy(0), output: try copy(1), error: try copy(2))
}

func wait(_ process: LaunchedProcess, kill: Bool = false) throws(Errno) -> CInt {
    if kill { try check(ck_pidfd_send_signal(process.descriptor.rawValue, SIGKILL)) }
    guard let reaped = try ReapedProcess.wait(for: .descriptor(process.descriptor.rawValue), blocking: true) else { return -1 }
    switch reaped.status {
    case .exited(let code): return code
    case .signaled(let signal, _): return 128 + signal
    }
}

func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
}

func descriptorCount() -> Int {
    (3..<256).count { ck_fcntl($0, F_GETFD, 0) >= 0 }
}

/// Answers clone3 with ENOSYS from now on, as the filters of older hosts do.
func denyClone3() {
    // ld [nr]; jeq #435, errno(ENOSYS); allow
    let program: [UInt8] = [
        0x20, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 1, 0xb3, 1, 0, 0, 0x06, 0, 0, 0, 38, 0, 5, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f,
    ]
    _ = ck_seccomp_load(0, program, program.count)
}

func drain(_ descriptor: CInt) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = ck_read(descriptor, &buffer, buffer.count)
        if count <= 0 { return }
        _ = ck_write(1, buffer, count)
    }
}

func hooks(_ arguments: [String]) -> CommandLaunch {
    let timeout = Int(arguments[4])
    func plan(_ path: String) -> [HookPlan] {
        path == "-" ? [] : [HookPlan(path: path, arguments: [path, "argument"], environment: ["MARK=mark"], timeout: timeout)]
    }
    var command = CommandLaunch()
    let own = plan(arguments[1])
    command.runtimeHooks = { process in
        own.allSatisfy { (try? HookProcess.run($0, state: "{\"pid\":\(process.pid)}")) != nil }
    }
    command.containerHooks = plan(arguments[2])
    command.startHooks = plan(arguments[3])
    command.hookState = ("{\"pid\":", "}")
    return command
}

func main(_ mode: String, _ arguments: [String]) throws -> CInt {
    let plan = try LaunchPlan(decoding: read(arguments[0]))
    switch mode {
    case "create", "abandon":
        let parked = try Launcher.create(plan, streams: try streams(plan.process))
        print("parked \(parked.container.process.pid)")
        if mode == "abandon" { return 0 }
        usleep(50_000)
        try parked.start()
        let status = try wait(parked.container.process)
        try CgroupRemoval.remove(parked.container.cgroups)
        return status
    case "hooks":
        let parked = try Launcher.create(plan, streams: try streams(plan.process), command: hooks(arguments))
        print("between", to: 1)
        try parked.start()
        let status = try wait(parked.container.process)
        try CgroupRemoval.remove(parked.container.cgroups)
        return status
    case "loop":
        for _ in 0..<(Int(arguments[1]) ?? 1) {
            let start = now()
            let container = try Launcher.run(plan, streams: try streams(plan.process))
            let started = now()
            _ = try wait(container.process)
            let ended = now()
            try CgroupRemoval.remove(container.cgroups)
            print("microseconds \(now() - start) launch \(started - start) run \(ended - started)", to: 1)
        }
        return 0
    case "leaks":
        let before = descriptorCount()
        for _ in 0..<(Int(arguments[1]) ?? 1) {
            guard let container = try? Launcher.run(plan, streams: try streams(plan.process)) else { continue }
            _ = try wait(container.process)
            try CgroupRemoval.remove(container.cgroups)
        }
        var hasChildren = false
        do throws(Errno) {
            _ = try ReapedProcess.wait(for: .any, blocking: false)
            hasChildren = true
        } catch {}
        print("descriptors \(descriptorCount() - before) children \(hasChildren)", to: 2)
        return 0
    case "empty": return try lookAtEmptyMounts()
    default: break
    }
    let mounts = mode == "ahead" ? EmptyMounts.make() : nil
    if mode == "ahead" {
        for _ in 1..<(arguments.count > 1 ? Int(arguments[1]) ?? 1 : 1) {
            let earlier = try Launcher.run(plan, streams: try streams(plan.process), ahead: LaunchPreparation(mounts: mounts))
            _ = try wait(earlier.process)
        }
    }
    let ahead = LaunchPreparation(network: mode == "ahead" ? .make() : nil, mounts: mounts)
    let container = try Launcher.run(plan, streams: try streams(plan.process), ahead: ahead)
    var status: CInt = 0
    switch mode {
    case "exec":
        let exec = try ExecPlan(decoding: read(arguments[1]))
        do throws(LaunchFailure) {
            for _ in 0..<(arguments.count > 2 ? Int(arguments[2]) ?? 1 : 1) {
                let process = try Launcher.exec(exec, in: container, streams: try! streams(exec.process))
                if let terminal = process.terminal { drain(terminal.rawValue) }
                status = try! wait(process)
            }
        } catch {
            report(error)
            status = 125
        }
        _ = try wait(container.process, kill: true)
    case "connect":
        var attempts = 0
        while attempts < 200 {
            attempts += 1
            if let socket = try? ContainerSocket.connect(
                to: [127, 0, 0, 1], port: 8080, in: container.process.descriptor, milliseconds: 1000)
            {
                drain(socket.rawValue)
                break
            }
            usleep(10_000)
        }
        _ = try wait(container.process, kill: true)
    default:
        if let terminal = container.process.terminal { drain(terminal.rawValue) }
        status = try wait(container.process)
    }
    let facts = CgroupFacts.read(container.cgroups)
    print("cpu \(facts.cpuMicroseconds ?? 0) memory \(facts.memoryPeakBytes ?? 0) oom \(facts.oomKills ?? 0)")
    try CgroupRemoval.remove(container.cgroups)
    return status
}

func lookAtEmptyMounts() throws -> CInt {
    guard let mounts = EmptyMounts.make() else { return 1 }
    let output = try OwnedDescriptor(CInt(check(ck_fcntl(1, F_DUPFD_CLOEXEC, 10))))
    let proc = try OwnedDescriptor.directory("/proc")
    let pid = CInt(try check(ck_fork()))
    if pid > 0 { return try wait(LaunchedProcess(pid: pid, descriptor: SharedDescriptor(.process(pid)), terminal: nil)) }
    try check(ck_setns(mounts.rawValue, CInt(ck_CLONE_NEWNS)))
    var names = 0
    try DirectoryEntries.forEach(in: .open("/", flags: O_RDONLY | O_DIRECTORY)) { (_, _) in names += 1 }
    let table = try OwnedDescriptor.open("self/mountinfo", at: proc, flags: O_RDONLY, resolve: []).readAll(limit: 1 << 20)
    print("entries \(names) mounts \(table.count { $0 == 10 })", to: output.rawValue)
    for path in ["/directory", "/../directory"] { print("\(ck_mkdirat(AT_FDCWD, path, 0o755))", to: output.rawValue) }
    ck_exit(0)
}

func report(_ failure: LaunchFailure) {
    print("failure \(failure.phase) \(failure.index) \(failure.errno.rawValue) \(failure.signal)", to: 2)
}

let arguments = CommandLine.arguments
if arguments.last == "without-clone3" { denyClone3() }
guard SingleThread.check(), arguments.count > 2 else { exit(124) }
do {
    exit(try main(arguments[1], Array(arguments[2...])))
} catch let failure as LaunchFailure {
    report(failure)
    exit(125)
} catch {
    print("error \(error)", to: 2)
    exit(126)
}
