internal import LinuxSystem
internal import SystemPackage

/// What the host executes to get a spawner: its own program, in a form that nobody can write to.
enum SpawnerExecutable {
    static func open(_ configuration: SpawnerConfiguration) throws(SpawnError) -> OwnedDescriptor {
        let path = configuration.executable?.string ?? "/proc/self/exe"
        do throws(Errno) {
            // Above the numbers that the file actions assign: a host may have 0 to 2 closed.
            return try ReadOnlyProgram.open(path).duplicate(from: 10)
        } catch { throw SpawnError(.hostCannotReexecute, errno: error, "cannot open \(path), or copy it into memory") }
    }
}
