internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// What a fork of the spawner is for.
struct RoleWork {
    private let role: UInt32
    private let payload: [UInt8]

    /// - Parameter descriptors: of the request; the sealed memory that holds a large payload is taken from it.
    init(_ request: SpawnRequest, _ descriptors: inout DescriptorList) throws(Errno) {
        role = request.role
        if request.payloadIsSealed {
            guard let memory = descriptors.take() else { throw .badFileDescriptor }
            payload = try SealedMemory.read(memory, limit: SpawnRequest.sealedLimit)
        } else {
            payload = request.payload
        }
    }

    /// Runs the role, to which the descriptors belong from here on, and ends the process.
    func run(_ descriptors: consuming DescriptorList) -> Never {
        let numbers = descriptors.release()
        // A shim also has what was prepared for shims.
        if role != SpawnRole.shim.rawValue {
            var kept = [0, 1, 2] + numbers
            try? DescriptorTable.closeAll(except: &kept)
        }
        let status = unsafe payload.withUnsafeBufferPointer { payload in
            unsafe ckRunRole(role, payload.baseAddress, payload.count, numbers, CInt(numbers.count))
        }
        _exit(status)
    }
}
