internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

/// The ends that the shim holds of one process's standard streams: it copies no byte, it hands them over.
struct ShimStreams {
    /// Writing end of standard input.
    var input: SharedDescriptor?
    /// Reading ends.
    var output: SharedDescriptor?
    var error: SharedDescriptor?
    /// The pty master, instead of the three.
    var terminal: SharedDescriptor?

    /// What the logger reads: never handed over, kept for another logger if this one is killed.
    var logged: [SharedDescriptor] = []

    /// What a frame says of them, and the descriptors in that order.
    var ends: (StreamEnds, [SharedDescriptor]) {
        var ends: StreamEnds = []
        var descriptors: [SharedDescriptor] = []
        for (end, descriptor) in [
            (StreamEnds.input, input), (.output, output), (.error, error), (.terminal, terminal),
        ] {
            guard let descriptor else { continue }
            // Of a terminal that is logged only what is typed is handed over: its output has one reader.
            ends.insert(end == .terminal && !logged.isEmpty ? .input : end)
            descriptors.append(descriptor)
        }
        return (ends, descriptors)
    }

    /// Nothing is left that a reader could want.
    var isDrained: Bool {
        for descriptor in [output, error, terminal] {
            guard let descriptor else { continue }
            var count: CInt = 0
            if unsafe ck_ioctl_pointer(descriptor.rawValue, ck_FIONREAD, &count) == 0, count > 0 { return false }
        }
        return true
    }

    /// Makes both sides of the streams of a process without a terminal.
    ///
    /// - Parameters:
    ///   - given: descriptors that came with the request.
    ///   - uid: the container's user, who owns the pipes, so that it can reopen /dev/stdout.
    /// - Returns: the child's ends; nil when all three are /dev/null, which the shim's own already are.
    /// - Throws: errno of opening a log file or making a pipe; `badFileDescriptor` for one that was not given.
    static func make(
        _ plans: StreamPlans, given: [SharedDescriptor], uid: UInt32, gid: UInt32, held: inout ShimStreams
    ) throws(Errno) -> StandardStreams? {
        if plans == StreamPlans() { return nil }
        let input: OwnedDescriptor
        if plans.input == .pipe {
            let pipe = try pipe(uid: uid, gid: gid)
            try check(ck_fcntl(pipe.writing.rawValue, F_SETFL, Int(O_NONBLOCK)))
            held.input = pipe.writing
            input = try pipe.reading.duplicate()
        } else {
            input = try end(plans.input, given, uid: uid, gid: gid)
        }
        let output: OwnedDescriptor
        if plans.output == .pipe {
            output = try outputPipe(uid: uid, gid: gid, &held.output)
        } else {
            output = try end(plans.output, given, uid: uid, gid: gid)
        }
        let error: OwnedDescriptor
        switch plans.error {
        case .pipe: error = try outputPipe(uid: uid, gid: gid, &held.error)
        case .sameAsOutput: error = try output.duplicate()
        case .file where plans.error == plans.output: error = try output.duplicate()
        default: error = try end(plans.error, given, uid: uid, gid: gid)
        }
        return StandardStreams(input: input, output: output, error: error)
    }

    private static func outputPipe(uid: UInt32, gid: UInt32, _ held: inout SharedDescriptor?) throws(Errno) -> OwnedDescriptor {
        let pipe = try pipe(uid: uid, gid: gid)
        // The reading end's open file description is the shim's alone and it never reads, so the flag disturbs nobody.
        try check(ck_fcntl(pipe.reading.rawValue, F_SETFL, Int(O_NONBLOCK)))
        held = pipe.reading
        return try pipe.writing.duplicate()
    }

    private static func end(_ plan: StreamPlan, _ given: [SharedDescriptor], uid: UInt32, gid: UInt32) throws(Errno) -> OwnedDescriptor {
        switch plan {
        case .null: return try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        case .descriptor(let index):
            guard Int(index) < given.count else { throw .badFileDescriptor }
            return try given[Int(index)].duplicate()
        case .file(let path):
            let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_APPEND | O_CREAT, mode: 0o600)
            var status = stat()
            // As a pipe does, it belongs to the container's user, unless it is one that somebody wrote to before.
            if uid != 0 || gid != 0, unsafe ck_fstat(file.rawValue, &status) == 0, status.st_size == 0, status.st_uid == geteuid() {
                try check(ck_fchown(file.rawValue, uid, gid))
            }
            return file
        case .pipe, .sameAsOutput: throw .invalidArgument
        }
    }

    /// A pipe that belongs to the container's user.
    private static func pipe(uid: UInt32, gid: UInt32) throws(Errno) -> Pipe {
        let pipe = try Pipe()
        if uid != 0 || gid != 0 { try check(ck_fchown(pipe.reading.rawValue, uid, gid)) }
        return pipe
    }
}
