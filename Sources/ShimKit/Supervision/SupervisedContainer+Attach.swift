internal import Glibc
internal import LinuxSystem
package import OCIModel
internal import ShimChild
package import SystemPackage

/// The streams of a container's first process, as an attach hands them out.
package struct SupervisedStreams: Sendable {
    package let standardInput: ContainerInput?
    package let standardOutput: ContainerOutput
    package let standardError: ContainerOutput
}

extension SupervisedContainer {
    /// Takes the lease of the first process's streams.
    ///
    /// - Parameter takesOver: from whoever has it, who is told.
    /// - Throws: `.busy`; `.wrongState` when it has ended and nothing is left to be read.
    package func attach(takesOver: Bool) async throws(ShimError) -> SupervisedStreams {
        let (reply, descriptors) = try await askWithDescriptors(.attach(process: 0, takesOver: takesOver, holder: getpid()))
        guard case .streams(let pid, let ends) = reply else { throw error(for: reply, "attaching") }
        let streams = ProcessStreams(pid: pid, ends, descriptors, container: self, process: 0)
        keep(streams, of: 0)
        return SupervisedStreams(standardInput: streams.input, standardOutput: streams.output, standardError: streams.error)
    }

    /// Gives the lease back. What was not read waits for the next.
    package func detachStreams() async throws(ShimError) { try await expectDone(.detach(process: 0), "detaching") }
}

extension Supervisor {
    /// Makes room for another start of a container that has ended. Its own directories stay.
    /// - Throws: `.wrongState` while it runs.
    package func reset(_ id: ContainerID) async throws(ShimError) {
        let directory = RunDirectory(id, in: run)
        let bootID = bootID
        // The shim of one that has ended goes a moment after it told so.
        for attempt in 0..<100 {
            let (isDone, hasEnded) = try await onThread { () throws(ShimError) in
                do { return (try Sweep(directory: directory, bootID: bootID).reset(), try directory.exitRecord() != nil) } catch {
                    throw ShimError(.removalFailed, container: id, errno: error as? Errno, "what is left of its last run cannot be removed")
                }
            }
            if isDone { return }
            if !hasEnded { break }
            do { try await Task.sleep(for: .milliseconds(attempt < 10 ? 1 : 10)) } catch {
                throw ShimError(.cancelled, container: id, "the start was cancelled")
            }
        }
        throw ShimError(.wrongState, container: id, "it runs")
    }
}

extension Supervisor {
    /// A container of which only its own directories are left has ended, and nobody saw how: this writes that down.
    /// - Throws: `.alreadyExists` when somebody else did, or it exists.
    package func writeLost(
        _ id: ContainerID, createdAt: Int64, directories: [FilePath], details: [String: String]
    ) async throws(ShimError) {
        let directory = RunDirectory(id, in: run)
        let bootID = bootID
        let state = ContainerState(
            id: id, bootID: bootID, createdAt: createdAt, isDurable: true, removesItself: false, cgroups: [],
            removedDirectories: directories.map(\.string), details: details)
        try await onThread { () throws(ShimError) in
            let lock = try directory.make(state)
            defer { withExtendedLifetime(lock) {} }
            let record = ExitRecord(status: .supervisorLost, pid: 0, startedAt: createdAt, endedAt: createdAt)
            do throws(Errno) { try directory.writeOnce(record, bootID: bootID) } catch {
                throw ShimError(.commandFailed, container: id, errno: error, "its record cannot be written")
            }
        }
    }
}

extension SupervisedContainer {
    /// Its cgroups, and whether each is of v2.
    package var cgroups: [(path: String, isUnified: Bool)] { cgroupDirectories.map { ($0.path, $0.isUnified) } }
}
