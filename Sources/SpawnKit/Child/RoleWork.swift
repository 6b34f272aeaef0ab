internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// What a fork of the spawner is for.
///
/// It holds all that is left of a request: a role lives long, and what its callers' frames hold lives as long.
struct RoleWork: ~Copyable {
    private let role: UInt32
    private let payload: RolePayload
    private let descriptors: DescriptorList

    /// - Parameter descriptors: of the request; the sealed memory that holds a large payload is taken from it.
    init(_ request: SpawnRequest, _ descriptors: consuming DescriptorList) throws(Errno) {
        var descriptors = descriptors
        role = request.role
        if request.payloadIsSealed {
            guard let memory = descriptors.take() else { throw .badFileDescriptor }
            payload = RolePayload(try SealedMemory.read(memory, limit: SpawnRequest.sealedLimit))
        } else {
            payload = RolePayload(request.payload)
        }
        self.descriptors = descriptors
    }

    /// Runs the role, to which payload and descriptors belong from here on, and ends the process.
    consuming func run() -> Never {
        let numbers = descriptors.release()
        // A shim also has what was prepared for shims.
        if role != SpawnRole.shim.rawValue {
            var kept = [0, 1, 2] + numbers
            try? DescriptorTable.closeAll(except: &kept)
        }
        let bytes = unsafe payload.release()
        _exit(unsafe ckRunRole(role, bytes.baseAddress, bytes.count, numbers, CInt(numbers.count)))
    }
}

/// Bytes that a role can free when it has read them.
@safe private struct RolePayload: ~Copyable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ content: [UInt8]) {
        unsafe bytes = .allocate(capacity: content.count)
        _ = unsafe bytes.initialize(from: content)
    }

    deinit { unsafe bytes.deallocate() }

    @unsafe consuming func release() -> UnsafeMutableBufferPointer<UInt8> {
        let bytes = unsafe bytes
        discard self
        return unsafe bytes
    }
}
