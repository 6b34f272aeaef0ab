import Glibc
import LinuxSystem
import Testing

struct ProcessStatTests {
    private func spawn(_ arguments: [String]) throws -> pid_t {
        var pid: pid_t = 0
        var strings = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        try #require(posix_spawnp(&pid, arguments[0], nil, nil, &strings, environ) == 0)
        return pid
    }

    @Test func namesThisProcess() throws {
        let stat = try #require(ProcessStat(getpid()))
        #expect(stat.parent == getppid())
        #expect(stat.startTime > 0)
        #expect(!stat.hasEnded)
        #expect(ProcessStat(getpid())?.startTime == stat.startTime)
    }

    /// A name may hold what ends it.
    @Test func aNameLikeTheFieldsAfterIt() throws {
        let pid = try spawn(["sh", "-c", "printf 'x) Z 7 (' > /proc/$$/comm; exec 3>&-; while :; do sleep 0.01; done"])
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        usleep(50_000)
        let stat = try #require(ProcessStat(pid))
        #expect(stat.parent == getpid())
        #expect(!stat.hasEnded)
    }

    @Test func tellsAZombieAndWhoIsGone() throws {
        let pid = try spawn(["true"])
        var information = siginfo_t()
        #expect(waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == 0)
        #expect(ProcessStat(pid)?.hasEnded == true)
        waitpid(pid, nil, 0)
        #expect(ProcessStat(pid) == nil)
    }
}
