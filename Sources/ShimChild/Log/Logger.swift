internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The logger of one container: a fork of its shim that reads the streams to their ends and writes the log.
enum Logger {
    /// - Parameter streams: standard output and standard error, or a pty master.
    /// - Returns: its process id.
    static func start(_ plan: LogPlan, _ streams: [SharedDescriptor]) throws(Errno) -> CInt {
        let pid = CInt(try check(ck_fork()))
        if pid > 0 { return pid }
        var kept = [0, 1, 2] + streams.map(\.rawValue)
        try? DescriptorTable.closeAll(except: &kept)
        _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-logger")
        ck_empty_signal_mask()
        do throws(Errno) { try run(plan, streams.map(\.rawValue)) } catch { ck_exit(1) }
        ck_exit(0)
    }

    /// Until both streams have ended.
    private static func run(_ plan: LogPlan, _ streams: [CInt]) throws(Errno) {
        var files = try LogFiles(plan)
        var time = LogTime()
        var entries = zip(["stdout", "stderr"], streams).map { name, _ in LogEntries(stream: name, form: plan.form) }
        var open = streams
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while open.contains(where: { $0 >= 0 }) {
            var polled = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            // The rest of a line is waited for a moment, then it is shown as it is: a prompt has no end.
            let hasRest = entries.contains(where: \.hasRest)
            let count = unsafe poll(&polled, nfds_t(polled.count), hasRest ? 5 : -1)
            if count < 0 { continue }
            var text: [UInt8] = []
            let now = time.now()
            if count == 0 {
                for index in entries.indices { entries[index].flush(time: now, to: &text) }
                // What a character lacks may never come: not waited for again and again.
                if text.isEmpty { for index in entries.indices { entries[index].flush(time: now, isEnd: true, to: &text) } }
            }
            for index in open.indices where polled[index].revents != 0 {
                let count = unsafe ck_read(open[index], &buffer, buffer.count)
                if count > 0 {
                    entries[index].add(buffer[..<count], time: now, to: &text)
                } else if count != -Int(EINTR) && count != -Int(EAGAIN) {
                    entries[index].flush(time: now, isEnd: true, to: &text)
                    open[index] = -1
                }
            }
            if !text.isEmpty { files.write(text) }
        }
    }
}
