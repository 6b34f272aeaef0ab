internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Starts a program of the host: with nothing of this process but what it is given.
enum HostProgram {
    /// Its default actions for signals, none blocked, and no variable but PATH. Never forks, this process may have threads.
    /// - Parameters:
    ///   - words: the path of the program, and its arguments.
    ///   - path: directories that it looks programs up in, with colons between them.
    ///   - streams: descriptors that become 0, 1, 2 and so on, at least three; /dev/null for nil.
    ///   - inherited: descriptors that it gets under their numbers, which lie above those of the streams.
    /// - Returns: its process id, to be waited for.
    static func spawn(_ words: [String], path: String, streams: [CInt?], inherited: [CInt]) throws(Errno) -> pid_t {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Out of the way: none is overwritten before it is copied.
        var sources: [SharedDescriptor] = []
        for source in streams {
            let moved = fcntl(source ?? null.rawValue, F_DUPFD_CLOEXEC, CInt(streams.count))
            if moved < 0 { throw Errno(rawValue: errno) }
            sources.append(SharedDescriptor(OwnedDescriptor(moved)))
        }
        for (number, source) in sources.enumerated() { posix_spawn_file_actions_adddup2(&actions, source.rawValue, CInt(number)) }
        // Onto themselves: that takes close-on-exec away.
        for number in inherited { posix_spawn_file_actions_adddup2(&actions, number, number) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment = [strdup("PATH=" + path), nil]
        defer { for entry in environment { free(entry) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, words.first ?? "", &actions, &attributes, &arguments, &environment)
        if result != 0 { throw Errno(rawValue: result) }
        return pid
    }
}
