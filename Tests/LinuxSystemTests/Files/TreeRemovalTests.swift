import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// What a container may have left in a directory that is to go.
struct TreeRemovalTests {
    @Test func whatIsNotThereIsNoError() throws { try TreeRemoval.remove("/nonexistent/tree") }

    @Test func aTreeOfEveryKindOfFileGoes() async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            for directory in [tree, tree.appending("a"), tree.appending("a/b"), tree.appending("closed")] {
                try TestDirectory.create(directory)
            }
            for index in 0..<500 { try Files.write("\(index)", to: tree.appending("a/\(index)")) }
            #expect(mkfifo(tree.appending("a/b/pipe").string, 0o600) == 0)
            #expect(link(tree.appending("a/1").string, tree.appending("a/b/hard").string) == 0)
            #expect(symlink("dangling", tree.appending("link").string) == 0)
            try TreeRemoval.remove(tree.string)
            #expect(!Files.exists(tree))
        }
    }

    @Test func symbolicLinksAreNotFollowed() async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            let outside = base.appending("outside")
            for directory in [tree, outside] { try TestDirectory.create(directory) }
            try Files.write("kept", to: outside.appending("file"))
            #expect(symlink(outside.string, tree.appending("directory").string) == 0)
            #expect(symlink(outside.appending("file").string, tree.appending("file").string) == 0)
            try TreeRemoval.remove(tree.string)
            #expect(!Files.exists(tree))
            #expect(try Files.text(outside.appending("file")) == "kept")
        }
    }

    /// The directory itself replaced by a link: neither the link's target nor anything in it goes.
    @Test func aLinkInPlaceOfTheTreeIsRefused() async throws {
        try await TestDirectory.with { base in
            let outside = base.appending("outside")
            try TestDirectory.create(outside)
            try Files.write("kept", to: outside.appending("file"))
            #expect(symlink(outside.string, base.appending("tree").string) == 0)
            #expect(throws: Errno.self) { try TreeRemoval.remove(base.appending("tree").string) }
            #expect(Files.exists(outside.appending("file")))
        }
    }

    @Test func namesThatAreNoUTF8Go() async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            try TestDirectory.create(tree)
            let directory = try OwnedDescriptor.open(tree.string, flags: O_RDONLY | O_DIRECTORY)
            let name: [CChar] = [-1, -2, 10, 32, 0]
            #expect(mkdirat(directory.rawValue, name, 0o755) == 0)
            let inner = OwnedDescriptor(openat(directory.rawValue, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
            #expect(mkdirat(inner.rawValue, [-61, 40, 0], 0o755) == 0)
            try TreeRemoval.remove(tree.string)
            #expect(!Files.exists(tree))
        }
    }

    /// Deeper than PATH_MAX, and than any descriptor table or stack should have to follow.
    @Test(arguments: [49, 3000]) func aDeepTreeGoes(depth: Int) async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            try TestDirectory.create(tree)
            var current = try OwnedDescriptor.open(tree.string, flags: O_RDONLY | O_DIRECTORY)
            for level in 0..<depth {
                try #require(mkdirat(current.rawValue, "d", 0o755) == 0)
                if level % 7 == 0 { close(openat(current.rawValue, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)) }
                current = try OwnedDescriptor.open("d", at: current, flags: O_RDONLY | O_DIRECTORY, resolve: .beneath)
            }
            try TreeRemoval.remove(tree.string)
            #expect(!Files.exists(tree))
        }
    }

    /// A container that knows how the depth is bounded puts the names there first.
    @Test func namesThatTheBoundUsesMayBeTaken() async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            try TestDirectory.create(tree)
            for index in 0..<4 {
                try TestDirectory.create(tree.appending(".removed-\(index)"))
                try Files.write("", to: tree.appending(".removed-\(index)/file"))
            }
            var current = try OwnedDescriptor.open(tree.string, flags: O_RDONLY | O_DIRECTORY)
            for _ in 0..<200 {
                try #require(mkdirat(current.rawValue, "a", 0o755) == 0)
                current = try OwnedDescriptor.open("a", at: current, flags: O_RDONLY | O_DIRECTORY, resolve: .beneath)
            }
            try TreeRemoval.remove(tree.string)
            #expect(!Files.exists(tree))
        }
    }

    @Test(.tags(.privileged), .leakChecked, .needsRoot) func whatIsMountedBelowStays() async throws {
        try await TestDirectory.with { base in
            let tree = base.appending("tree")
            for directory in [tree, tree.appending("mounted")] { try TestDirectory.create(directory) }
            try FileSystemContext("tmpfs").mount(attributes: 0).moveMount(onto: tree.appending("mounted").string)
            defer { umount2(tree.appending("mounted").string, 0) }
            try Files.write("kept", to: tree.appending("mounted/file"))
            let error = #expect(throws: Errno.self) { try TreeRemoval.remove(tree.string) }
            #expect(error == .resourceBusy || error == .improperLink, "\(String(describing: error))")
            #expect(try Files.text(tree.appending("mounted/file")) == "kept")
        }
    }

    /// A shim and its host may do so.
    @Test func severalRemoveOneTree() async throws {
        try await TestDirectory.with { directory in
            for round in 0..<20 {
                let top = directory.appending("\(round)")
                try TestDirectory.create(top)
                for outer in 0..<20 {
                    try TestDirectory.create(top.appending("\(outer)"))
                    for inner in 0..<5 {
                        let path = top.appending("\(outer)/\(inner)")
                        try TestDirectory.create(path)
                        try Files.write("", to: path.appending("file"))
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { @concurrent in try TreeRemoval.remove(top.string) } }
                    try await group.waitForAll()
                }
                #expect(!Files.exists(top))
            }
        }
    }
}
