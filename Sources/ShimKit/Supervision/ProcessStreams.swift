internal import LinuxSystem
internal import OCIModel
internal import ShimChild

/// This program's ends of a process's standard streams.
struct ProcessStreams: Sendable {
    let pid: Int32
    private let readers: [OutputReader]
    let input: ContainerInput?
    let output: ContainerOutput
    let error: ContainerOutput

    init(
        pid: Int32, _ ends: StreamEnds, _ descriptors: [SharedDescriptor], container: SupervisedContainer, process: UInt32
    ) {
        let reactor = container.supervisor.reactor
        var rest = descriptors[...]
        func take(_ end: StreamEnds) -> SharedDescriptor? { ends.contains(end) ? rest.popFirst() : nil }
        var input = take(.input)
        var output = take(.output)
        let error = take(.error)
        if let terminal = take(.terminal) {
            output = terminal
            // A descriptor of its own: one registration per descriptor is all that epoll(7) knows.
            input = try? SharedDescriptor(terminal.duplicate())
        }
        self.pid = pid
        self.output = ContainerOutput(output, reactor: reactor)
        self.error = ContainerOutput(error, reactor: reactor)
        readers = [self.output.reader, self.error.reader].compactMap(\.self)
        self.input = input.map { input in
            ContainerInput(input, reactor: reactor) { [weak container] in
                _ = try? await container?.ask(.closeInput(process: process))
            }
        }
    }

    /// Somebody else reads from now on.
    func revoke(holder: Int32, of container: ContainerID) {
        let error = ShimError(.busy, container: container, "its streams were taken over by process \(holder)")
        for reader in readers { reader.revoke(error) }
    }
}
