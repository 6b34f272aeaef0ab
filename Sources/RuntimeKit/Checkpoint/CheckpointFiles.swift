internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// The directories of a checkpoint, open, and what criu wrote about it.
struct CheckpointFiles {
    let images: SharedDescriptor
    let work: SharedDescriptor
    let log: FilePath

    /// - Parameter isNew: whether missing directories are made.
    init(_ options: CheckpointOptions, log: String, isNew: Bool) throws(RuntimeError) {
        images = try Self.open(options.images, isNew)
        work = try options.work.map { path throws(RuntimeError) in try Self.open(path, true) } ?? images
        self.log = (options.work ?? options.images).appending(log)
        // Of an earlier attempt.
        unlink(self.log.string)
    }

    private static func open(_ path: FilePath, _ isNew: Bool) throws(RuntimeError) -> SharedDescriptor {
        if isNew { mkdir(path.string, 0o700) }
        do throws(Errno) { return SharedDescriptor(try .open(path.string, flags: O_RDONLY | O_DIRECTORY)) } catch {
            throw RuntimeError(.checkpointFailed, .path(path), "the directory of the checkpoint cannot be opened", errno: error)
        }
    }

    /// What every request has.
    func options(_ options: CheckpointOptions) -> CriuOptions {
        var message = CriuOptions()
        message.set(.images, Int64(images.rawValue))
        message.set(.work, Int64(work.rawValue))
        message.set(.logLevel, 4)
        message.set(.logFile, log.lastComponent?.string ?? "criu.log")
        message.set(.notifies, true)
        message.set(.orphanTerminal, true)
        message.set(.shellJob, options.isShellJob)
        message.set(.externalSockets, options.allowsExternalSockets)
        message.set(.establishedConnections, options.keepsConnections)
        message.set(.fileLocks, options.keepsFileLocks)
        message.set(.deduplicates, options.deduplicates)
        message.set(.lazyPages, options.isLazy)
        message.set(.cgroupMode, options.cgroupMode.rawValue)
        if options.leavesNetworkEmpty { message.set(.emptyNamespaces, Int64(NamespaceFlag.network.rawValue)) }
        return message
    }

    /// Why criu did not do it: the errors of its log, of which the first is often one that it copes with.
    func failure(_ what: String, _ response: CriuResponse, _ service: CriuService, _ id: ContainerID) -> RuntimeError {
        let text = (try? OwnedDescriptor.open(log.string, flags: O_RDONLY).readAll(limit: 1 << 26)) ?? []
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        let errors = lines.compactMap { line in line.firstRange(of: "Error (").map { String(line[$0.lowerBound...]) } }
        let reason = response.message ?? (errors.isEmpty ? "it does not say why" : errors.prefix(5).joined(separator: "; "))
        return RuntimeError(
            .checkpointFailed, .container(id), "criu \(service.version) cannot \(what) it: \(reason)",
            errno: response.errno.flatMap { $0 == 0 ? nil : Errno(rawValue: $0) }, advice: "Its log is \(log).")
    }
}
