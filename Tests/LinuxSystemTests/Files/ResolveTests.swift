import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// Walks of paths that an image controls.
struct ResolveTests {
    private func withTree(_ body: (FilePath, borrowing OwnedDescriptor) throws -> Void) async throws {
        try await TestDirectory.with { base in
            let root = base.appending("root")
            for directory in [root, root.appending("etc")] { try TestDirectory.create(directory) }
            try Files.write("outside", to: base.appending("secret"))
            try Files.write("inside", to: root.appending("secret"))
            let directory = try OwnedDescriptor.open(root.string, flags: O_PATH | O_DIRECTORY)
            try body(root, directory)
        }
    }

    @Test(arguments: ["/secret", "../../secret", "etc/../../secret", "absolute", "up", "etc/link"])
    func hostilePathsEndInside(path: String) async throws {
        try await withTree { root, directory in
            #expect(symlink("/secret", root.appending("absolute").string) == 0)
            #expect(symlink("../../../secret", root.appending("up").string) == 0)
            #expect(symlink("../absolute", root.appending("etc/link").string) == 0)
            let file = try OwnedDescriptor.open(path, at: directory, flags: O_RDONLY, resolve: .hostile)
            #expect(try file.readAll(limit: 100) == Array("inside".utf8))
            #expect(fcntl(file.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test func linksThatGoNowhereOrRoundAreErrors() async throws {
        try await withTree { root, directory in
            #expect(symlink("round", root.appending("round").string) == 0)
            #expect(symlink("/proc/self/fd/0", root.appending("magic").string) == 0)
            let flags: [(String, ResolveFlags, Errno)] = [
                ("round", .hostile, .tooManySymbolicLinkLevels), ("magic", .hostile, .noSuchFileOrDirectory),
                ("round", .noSymlinks, .tooManySymbolicLinkLevels), ("../secret", .beneath, .improperLink),
                ("/etc", .beneath, .improperLink),
            ]
            for (path, resolve, expected) in flags {
                #expect(throws: expected, "\(path)") {
                    _ = try OwnedDescriptor.open(path, at: directory, flags: O_RDONLY, resolve: resolve).rawValue
                }
            }
        }
    }

    @Test func magicLinksAreRefused() throws {
        let proc = try OwnedDescriptor.open("/proc/self", flags: O_PATH | O_DIRECTORY)
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            _ = try OwnedDescriptor.open("cwd", at: proc, flags: O_RDONLY, resolve: .noMagicLinks).rawValue
        }
        #expect(throws: Errno.improperLink) {
            let root = try OwnedDescriptor.open("/", flags: O_PATH | O_DIRECTORY)
            _ = try OwnedDescriptor.open("proc/version", at: root, flags: O_RDONLY, resolve: .noMountCrossing).rawValue
        }
    }
}
