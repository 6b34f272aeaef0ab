internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

enum SingleThreadedProcess {
    static func require() throws(RuntimeError) {
        guard SingleThread.check() else {
            throw RuntimeError(
                .processSetupFailed, .host, "this process has more than one thread, so it cannot be copied",
                advice: "Start a command for that, or take ContainerSupervisor of ShimKit, which has a process of its own.")
        }
        do throws(Errno) { try ReadOnlyProgram.hide() } catch {
            throw RuntimeError(.processSetupFailed, .host, "this process cannot be made undumpable", errno: error)
        }
    }
}
