import CLinux
import CSpawnerEntry
import Glibc
import LinuxSystem
import SpawnKit
import SystemPackage

/// A host program in small.
@main
struct SpawnProbe {
    static func main() async {
        let arguments = CommandLine.arguments
        switch arguments.count > 1 ? arguments[1] : "main" {
        case "main":
            // The constructor did not divert; the marker must be gone all the same.
            let marker = getenv("CONTAINERKIT_SPAWNER").map { String(cString: $0) }
            print("main ran, marker \(marker ?? "gone")")
        case "build-id": print(ckSpawnerBuildID())
        case "prepare":
            await prepare(executable: arguments.count > 2 ? arguments[2] : nil)
        case "ignores-children":
            // posix_spawn's child is then reaped by the kernel, and waiting for it answers ECHILD.
            signal(SIGCHLD, SIG_IGN)
            await prepare(executable: nil)
        case "reaps-everything":
            try? ServiceThread.start("reaper") { while true { if waitpid(-1, nil, 0) < 0 { usleep(1000) } } }
            await prepare(executable: nil)
        case "subreaper":
            _ = ck_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            await prepare(executable: nil)
        case "no-streams":
            // The descriptors of the spawn land on 0, 1 and 2 unless it takes care.
            let output = ck_fcntl(1, F_DUPFD_CLOEXEC, 20)
            for stream in CInt(0)...2 { close(stream) }
            let text = await prepared(executable: nil) + "\n"
            write(CInt(output), text, text.utf8.count)
        case "other-role":
            await spawnUnlinkedRole()
        case "overwrite-executable":
            // What CVE-2019-5736 does once every process of the binary has ended, which ETXTBSY would hide.
            await overwriteExecutable()
        default:
            print("unknown mode")
            exit(64)
        }
    }

    private static func prepare(executable: String?) async { print(await prepared(executable: executable)) }

    private static func prepared(executable: String?) async -> String {
        var configuration = SpawnerConfiguration()
        configuration.executable = executable.map { FilePath($0) }
        let spawner = Spawner(configuration: configuration)
        do {
            let pid = try await spawner.pid()
            spawner.shutdown()
            // It ends with its control socket, whoever reaps it.
            for _ in 0..<2000 where kill(pid, 0) == 0 { usleep(1000) }
            return kill(pid, 0) == 0 ? "the spawner lives on" : "prepared"
        } catch {
            return "\(error)"
        }
    }

    private static func spawnUnlinkedRole() async {
        do {
            _ = try await Spawner().spawn(.shim, request: [])
            print("spawned")
        } catch {
            print(error.code == .roleNotLinked ? "refused" : "\(error)")
        }
    }

    private static func overwriteExecutable() async {
        let spawner = Spawner()
        do {
            try await spawner.prepare()
            let pid = try await spawner.pid()
            let link = "/proc/\(pid)/exe"
            // Held by descriptor across the spawner's end, as an attacker inside would.
            let held = try OwnedDescriptor.open(link, flags: O_PATH)
            spawner.shutdown()
            while kill(pid, 0) == 0 { usleep(1000) }
            let writable = try? OwnedDescriptor.open("/proc/self/fd/\(held.rawValue)", flags: O_WRONLY)
            print(writable == nil ? "refused" : "writable")
        } catch { print(error) }
    }
}
