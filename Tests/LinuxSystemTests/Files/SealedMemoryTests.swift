import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import Testing

struct SealedMemoryTests {
    @Test(arguments: [0, 1, 4096, 300_000]) func bytesComeBack(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let memory = try SealedMemory.make(bytes, name: "test")
        // Twice: the offset that a sender left says nothing.
        #expect(try SealedMemory.read(memory, limit: count) == bytes)
        #expect(try SealedMemory.read(memory, limit: count) == bytes)
    }

    @Test func nobodyChangesIt() throws {
        let memory = try SealedMemory.make([1, 2, 3], name: "test")
        #expect(pwrite(memory.rawValue, [9], 1, 0) == -1 && errno == EPERM)
        #expect(ftruncate(memory.rawValue, 1) == -1 && errno == EPERM)
        #expect(ftruncate(memory.rawValue, 9) == -1 && errno == EPERM)
        let again = try OwnedDescriptor.open("/proc/self/fd/\(memory.rawValue)", flags: O_RDWR)
        #expect(pwrite(again.rawValue, [9], 1, 0) == -1 && errno == EPERM)
        #expect(mmap(nil, 3, PROT_READ | PROT_WRITE, MAP_SHARED, again.rawValue, 0) == MAP_FAILED)
        #expect(try SealedMemory.read(memory, limit: 3) == [1, 2, 3])
    }

    @Test func moreThanTheLimitIsRefused() throws {
        let memory = try SealedMemory.make([UInt8](repeating: 0, count: 10), name: "test")
        #expect(throws: Errno.fileTooLarge) { try SealedMemory.read(memory, limit: 9) }
    }

    /// Each seal that is missing leaves the sender a way to change what was checked.
    @Test(arguments: [F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE]) func aMissingSealIsRefused(missing: CInt) throws {
        let memory = OwnedDescriptor(CInt(ck_memfd_create("test", CUnsignedInt(MFD_CLOEXEC | MFD_ALLOW_SEALING))))
        let all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
        #expect(fcntl(memory.rawValue, F_ADD_SEALS, all & ~missing) == 0)
        #expect(throws: Errno.notPermitted) { try SealedMemory.read(memory, limit: 10) }
    }

    @Test func aFileThatIsNoMemoryIsRefused() throws {
        let file = try OwnedDescriptor.open("/proc/self/status", flags: O_RDONLY)
        #expect(throws: Errno.self) { try SealedMemory.read(file, limit: 10_000) }
    }
}
