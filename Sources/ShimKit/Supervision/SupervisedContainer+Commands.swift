internal import Glibc
package import LinuxSystem
package import OCIModel
package import RuntimeChild
internal import RuntimeKit
package import ShimChild
internal import SpawnKit
internal import SystemPackage

extension SupervisedContainer {
    /// Starts a further process in the container.
    ///
    /// - Parameters:
    ///   - plan: compiled against the container's own configuration.
    ///   - streams: `.descriptor` refers to `descriptors`.
    /// - Throws: `.launchFailed`, `.wrongState` unless it runs, `.cancelled`.
    package func exec(
        _ plan: ExecPlan, streams: StreamPlans, descriptors: [SharedDescriptor] = []
    ) async throws(ShimError) -> SupervisedProcess {
        let (number, exit) = newExec()
        var bytes = plan.encode()
        var sent = descriptors
        let isSealed = bytes.count > MessageLimit.bytes - 1024
        // With room for the rest of the frame.
        if isSealed {
            do throws(Errno) {
                sent.insert(SharedDescriptor(try SealedMemory.make(bytes, name: "ck-exec")), at: 0)
            } catch { throw ShimError(.commandFailed, container: id, errno: error, "cannot store the plan in memory") }
            bytes = []
        }
        let command = ShimCommand.exec(process: number, plan: bytes, planIsSealed: isSealed, streams: streams)
        do throws(ShimError) {
            let (reply, ends) = try await askWithDescriptors(command, descriptors: sent)
            switch reply {
            case .streams(let pid, let which):
                let streams = ProcessStreams(pid: pid, which, ends, container: self, process: number)
                return SupervisedProcess(number, streams, exit, container: self)
            case .launchFailed(let failure):
                throw ShimError(
                    .launchFailed, container: id, "the process could not be made",
                    cause: RuntimeError(failure, of: plan, container: id))
            default: throw error(for: reply, "exec")
            }
        } catch {
            // The shim makes it all the same; behind the command comes the one that ends it.
            if error.code == .cancelled {
                connectionOrNil()?.post(.signal(process: number, number: SIGKILL, all: false))
            }
            forgetExec(number)
            throw error
        }
    }

    /// A TCP connection to a port inside the container's network namespace, made there and handed over.
    ///
    /// - Parameters:
    ///   - address: 4 or 16 bytes; 127.0.0.1 unless said otherwise.
    ///   - limit: at most one second; on loopback the answer comes at once.
    /// - Returns: the connected socket, blocking.
    /// - Throws: `.commandFailed` with errno `connectionRefused` while nothing listens; `.wrongState`.
    package func connect(
        to address: [UInt8] = [127, 0, 0, 1], port: UInt16, within limit: Duration = .milliseconds(500)
    ) async throws(ShimError) -> OwnedDescriptor {
        let (seconds, attoseconds) = limit.components
        let milliseconds = Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        let (reply, descriptors) = try await askWithDescriptors(
            .connect(address: address, port: port, milliseconds: milliseconds))
        guard reply == .done, let socket = descriptors.first else { throw error(for: reply, "connecting to port \(port)") }
        do throws(Errno) { return try socket.duplicate() } catch {
            throw ShimError(.commandFailed, container: id, errno: error, "cannot take the connection over")
        }
    }

    /// Sets the size of the first process's terminal.
    package func resize(rows: UInt16, columns: UInt16) async throws(ShimError) {
        try await expectDone(.resize(process: 0, rows: rows, columns: columns), "resizing the terminal")
    }

    /// Stops every process of the container from being scheduled.
    package func pause() async throws(ShimError) { try await expectDone(.pause, "pausing") }

    /// Undoes `pause`.
    package func resume() async throws(ShimError) { try await expectDone(.resume, "resuming") }
}

/// A process of exec.
package final class SupervisedProcess: Sendable {
    private let number: UInt32
    private let exit: Outcome<ExitRecord>
    private let container: SupervisedContainer
    /// Process id on the host.
    package let pid: Int32
    package let standardInput: ContainerInput?
    package let standardOutput: ContainerOutput
    package let standardError: ContainerOutput

    init(_ number: UInt32, _ streams: ProcessStreams, _ exit: Outcome<ExitRecord>, container: SupervisedContainer) {
        self.number = number
        self.exit = exit
        self.container = container
        pid = streams.pid
        standardInput = streams.input
        standardOutput = streams.output
        standardError = streams.error
    }

    /// Waits for its end. It also ends with the container.
    package func wait() async throws(ShimError) -> ProcessExit {
        do throws(CancellationError) {
            return ProcessExit(try await exit.value())
        } catch { throw ShimError(.cancelled, container: container.id, "the wait was cancelled") }
    }

    package func signal(_ signal: Signal) async throws(ShimError) {
        try await container.expectDone(.signal(process: number, number: signal.rawValue, all: false), "signal")
    }

    package func resize(rows: UInt16, columns: UInt16) async throws(ShimError) {
        try await container.expectDone(.resize(process: number, rows: rows, columns: columns), "resizing the terminal")
    }
}
