internal import RuntimeChild

enum SingleThreadedProcess {
    static func require() throws(RuntimeError) {
        guard SingleThread.check() else {
            throw RuntimeError(
                .processSetupFailed, .host, "this process has more than one thread, so it cannot be copied",
                advice: "Use ContainerRuntime, which starts a command for that.")
        }
    }
}
