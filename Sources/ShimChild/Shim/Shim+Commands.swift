internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

extension Shim {
    /// Carries out one command and answers it.
    func handle(_ command: ShimCommand, id: UInt64, from peer: ShimPeer, descriptors: consuming DescriptorList) {
        func reply(_ reply: ShimReply, _ descriptors: [SharedDescriptor] = []) {
            peer.send(.reply(id: id, reply), descriptors: descriptors)
        }
        switch command {
        case .start: reply(start())
        case .signal(let process, let number, let all): reply(signal(process, number, all))
        case .exec(let process, let plan, let planIsSealed, let streams):
            exec(process, plan, planIsSealed, streams, descriptors, from: peer, id: id)
        case .resize(let process, let rows, let columns): reply(resize(process, rows, columns))
        case .connect(let address, let port, let milliseconds): connect(address, port, milliseconds, reply)
        case .attach(let process, let takesOver, let holder): attach(process, takesOver, holder, peer, reply)
        case .detach(let process):
            if let process = processes[process], process.reader?.peer === peer { process.reader = nil }
            reply(.done)
        case .closeInput(let process):
            processes[process]?.streams.input = nil
            reply(.done)
        case .pause: reply(freeze(true))
        case .resume: reply(freeze(false))
        case .state: reply(.state(state, pid: processes[0]?.hostPid ?? 0))
        case .forbidRestart:
            forbidRestart()
            reply(.done)
        case .unknown: reply(.failed(Errno(rawValue: ENOSYS)))
        case .delete:
            request.restart = nil
            request.removesItself = true
            reply(.done)
            end()
        }
    }

    private func signal(_ number: UInt32, _ signal: Int32, _ all: Bool) -> ShimReply {
        guard let container, state != .stopped else { return .wrongState(state) }
        do throws(Errno) {
            if all, signal == SIGKILL {
                CgroupRemoval.killAll(container.cgroups)
                // A container without a cgroup: its first process takes the others of its pid namespace with it.
                try container.process.descriptor.sendSignal(SIGKILL)
                return .done
            }
            if all, number == 0, CgroupSignal.send(signal, to: container.cgroups) > 0 { return .done }
            if let process = processes[number], !process.hasEnded {
                try process.descriptor.sendSignal(signal)
            } else if let exec = execs.first(where: { $0.id == number }) {
                try exec.starting.process.descriptor.sendSignal(signal)
            } else {
                throw .noSuchProcess
            }
            return .done
        } catch { return .failed(error) }
    }

    private func resize(_ number: UInt32, _ rows: UInt16, _ columns: UInt16) -> ShimReply {
        guard let terminal = processes[number]?.streams.terminal else { return .failed(Errno(rawValue: ENOTTY)) }
        do throws(Errno) {
            try TerminalControl.resize(terminal, rows: rows, columns: columns)
            return .done
        } catch { return .failed(error) }
    }

    private func connect(
        _ address: [UInt8], _ port: UInt16, _ milliseconds: Int32, _ reply: (ShimReply, [SharedDescriptor]) -> Void
    ) {
        guard let container, state == .running else { return reply(.wrongState(state), []) }
        do throws(Errno) {
            // Bounded, since nothing else is served meanwhile; on loopback an answer comes at once.
            let socket = try ContainerSocket.connect(
                to: address, port: port, in: container.process.descriptor, milliseconds: min(max(milliseconds, 1), 1000))
            reply(.done, [SharedDescriptor(socket)])
        } catch { reply(.failed(error), []) }
    }

    private func attach(
        _ number: UInt32, _ takesOver: Bool, _ holder: Int32, _ peer: ShimPeer, _ reply: (ShimReply, [SharedDescriptor]) -> Void
    ) {
        guard let process = processes[number] else { return reply(.wrongState(state), []) }
        if let reader = process.reader, reader.peer !== peer, !takesOver { return reply(.busy(holder: reader.holder), []) }
        if let reader = process.reader, reader.peer !== peer { reader.peer.send(.takenOver(process: number, holder: holder)) }
        process.reader = (peer, holder)
        let (ends, descriptors) = process.streams.ends
        reply(.streams(pid: process.hostPid, ends), descriptors)
    }

    private func freeze(_ freezes: Bool) -> ShimReply {
        guard let container, state == (freezes ? .running : .paused) else { return .wrongState(state) }
        do throws(Errno) {
            if freezes { try CgroupFreezer.freeze(container.cgroups) } else { try CgroupFreezer.thaw(container.cgroups) }
            state = freezes ? .paused : .running
            tellAll(freezes ? .paused : .resumed)
            return .done
        } catch { return .failed(error) }
    }
}
