import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

struct DirectoryEntriesTests {
    private func entries(_ path: FilePath) throws -> [[UInt8]: UInt8] {
        let directory = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_DIRECTORY)
        var found: [[UInt8]: UInt8] = [:]
        try DirectoryEntries.forEach(in: directory) { (name, type) throws(Errno) in found[name] = type }
        return found
    }

    @Test func anEmptyDirectoryHasNone() async throws {
        try await TestDirectory.with { base in
            let found = try entries(base)
            #expect(found.isEmpty)
        }
    }

    /// More than one buffer holds, with the longest names that there are.
    @Test func manyLongNamesAreAllThere() async throws {
        try await TestDirectory.with { base in
            let names = (0..<300).map { "\($0)-" + String(repeating: "n", count: 250 - "\($0)".utf8.count) }
            for name in names { try Files.write("", to: base.appending(name)) }
            #expect(Set(try entries(base).keys) == Set(names.map { Array($0.utf8) }))
        }
    }

    @Test func typesAndRawBytesComeAsTheyAre() async throws {
        try await TestDirectory.with { base in
            try TestDirectory.create(base.appending("directory"))
            try Files.write("", to: base.appending("..file"))
            #expect(symlink("x", base.appending("link").string) == 0)
            let directory = try OwnedDescriptor.open(base.string, flags: O_RDONLY | O_DIRECTORY)
            close(openat(directory.rawValue, [-1, 0], O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
            #expect(
                try entries(base) == [
                    Array("directory".utf8): UInt8(DT_DIR), Array("..file".utf8): UInt8(DT_REG), Array("link".utf8): UInt8(DT_LNK),
                    [255]: UInt8(DT_REG),
                ])
        }
    }

    @Test func anErrorOfTheBodyEndsIt() async throws {
        try await TestDirectory.with { base in
            for name in ["a", "b"] { try Files.write("", to: base.appending(name)) }
            let directory = try OwnedDescriptor.open(base.string, flags: O_RDONLY | O_DIRECTORY)
            var calls = 0
            #expect(throws: Errno.canceled) {
                try DirectoryEntries.forEach(in: directory) { (_, _) throws(Errno) in
                    calls += 1
                    throw .canceled
                }
            }
            #expect(calls == 1)
        }
    }

    @Test func aFileIsNoDirectory() throws {
        let file = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        #expect(throws: Errno.notDirectory) { try DirectoryEntries.forEach(in: file) { (_, _) throws(Errno) in } }
    }
}
