import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct DetachedMountTests {
    /// A file system that is mounted nowhere: used through its descriptor, and gone with it.
    @Test func aFileSystemThatIsNowhereWorks() throws {
        let context = try FileSystemContext("tmpfs")
        try context.set("size", "64k")
        let mount = try context.mount(attributes: MountAttributes.noExecute.rawValue)
        let file = SharedDescriptor(
            try OwnedDescriptor.open("file", at: mount, flags: O_CREAT | O_RDWR, mode: 0o600, resolve: .beneath))
        #expect(throws: Errno.noSpace) { try file.borrowed.writeAll([UInt8](repeating: 0, count: 1 << 20)) }
        #expect(!MountTable.read().contains { $0.options.contains("size=64k") })
    }

    @Test func unknownTypesAndParametersAreErrors() throws {
        #expect(throws: Errno(rawValue: ENODEV)) { _ = try FileSystemContext("no-such-type") }
        let context = try FileSystemContext("tmpfs")
        #expect(throws: Errno.invalidArgument) { try context.set("no-such-parameter", "1") }
        #expect(throws: Errno.invalidArgument) {
            try context.set("mode", String(repeating: "7", count: FileSystemContext.longestString + 1))
        }
    }

    @Test func aReadOnlyCopyLeavesItsSourceAlone() async throws {
        try await TestDirectory.with { base in
            try Files.write("before", to: base.appending("file"))
            let copy = try OwnedDescriptor.cloneMount(base.string, recursive: false)
            try copy.setMountAttributes(set: MountAttributes.readOnly.rawValue, propagation: MountPropagation.private.rawValue)
            #expect(throws: Errno.readOnlyFileSystem) {
                _ = try OwnedDescriptor.open("file", at: copy, flags: O_WRONLY, resolve: .beneath).rawValue
            }
            try Files.write("after", to: base.appending("file"))
            #expect(
                try OwnedDescriptor.open("file", at: copy, flags: O_RDONLY, resolve: .beneath).readAll(limit: 10) == Array("after".utf8))
        }
    }

    @Test func isMovedOntoADescriptor() async throws {
        try await TestDirectory.with { base in
            let target = base.appending("target")
            let source = base.appending("source")
            for directory in [target, source] { try TestDirectory.create(directory) }
            try Files.write("moved", to: source.appending("file"))
            let place = try OwnedDescriptor.open(target.string, flags: O_PATH | O_DIRECTORY)
            try OwnedDescriptor.cloneMount(source.string, recursive: true).moveMount(onto: place)
            defer { umount2(target.string, 0) }
            #expect(try Files.text(target.appending("file")) == "moved")
            // A file is not put over a directory.
            let other = try OwnedDescriptor.open(source.string, flags: O_PATH | O_DIRECTORY)
            let file = try OwnedDescriptor.cloneMount(source.appending("file").string, recursive: false)
            #expect(throws: Errno.invalidArgument) { try file.moveMount(onto: other) }
        }
    }
}
