import CLinux
import CSpawnerEntry
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
        case "overwrite-executable":
            // What CVE-2019-5736 does once every process of the binary has ended, which ETXTBSY would hide.
            await overwriteExecutable()
        default:
            print("unknown mode")
            exit(64)
        }
    }

    private static func prepare(executable: String?) async {
        var configuration = SpawnerConfiguration()
        configuration.executable = executable.map { FilePath($0) }
        let spawner = Spawner(configuration: configuration)
        do {
            try await spawner.prepare()
            print("prepared")
        } catch {
            print(error)
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
