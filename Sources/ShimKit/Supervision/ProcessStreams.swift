internal import LinuxSystem
internal import ShimChild

/// This program's ends of a process's standard streams.
struct ProcessStreams: Sendable {
    let pid: Int32
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
        self.input = input.map { input in
            ContainerInput(input, reactor: reactor) { [weak container] in
                _ = try? await container?.ask(.closeInput(process: process))
            }
        }
    }
}
