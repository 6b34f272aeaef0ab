internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// The spawner's life: reached from the C constructor before the host program's `main`, single-threaded for ever.
@c(containerkit_spawner_main)
public func spawnerMain(_ control: CInt) {
    let control = OwnedDescriptor(control)
    SpawnerSetup.becomeNobodysHeir(keeping: control)
    do {
        let spawner = try SpawnerLoop(control: control)
        try spawner.run()
    } catch {
        // The host sees the end of the socket; there is nobody else to tell.
    }
    exit(0)
}
