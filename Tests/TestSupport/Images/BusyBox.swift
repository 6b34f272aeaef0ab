package import SystemPackage

/// A minimal Linux user space: Debian's statically linked busybox with a link for each of its commands.
package enum BusyBox {
    package static let path: FilePath = "/bin/busybox"

    package static var isInstalled: Bool { Files.exists(path) }

    static let directories = ["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "usr/bin", "var"]
    static let files: [(path: String, text: String)] = [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1000:app:/home:/bin/sh\n"),
        ("etc/group", "root:x:0:\nnobody:x:65534:\napp:x:1000:\nstaff:x:50:app\n"),
        ("etc/hostname", "busybox\n"),
    ]

    /// The names of its commands.
    package static func commands() throws -> [String] {
        try Command.run(path.string, "--list").standardOutput.split(separator: "\n").map(String.init).filter { $0 != "busybox" }
    }

    /// The user space as the archive of a layer.
    package static func archive() throws -> TarArchive {
        var archive = TarArchive()
        for directory in directories { archive.directory(directory, mode: directory == "tmp" ? 0o1777 : 0o755) }
        for file in files { archive.file(file.path, text: file.text) }
        archive.file("bin/busybox", try Files.read(path), mode: 0o755)
        for command in try commands() { archive.symbolicLink("bin/\(command)", to: "busybox") }
        return archive
    }
}

/// A root directory on disk, for tests of launches without an image.
package enum TestRootFileSystem {
    /// Makes `path` and fills it with busybox.
    package static func make(at path: FilePath) throws {
        try TestDirectory.create(path)
        try Command.run("tar", "-x", "-C", path.string, input: BusyBox.archive().finished())
    }
}

extension TestImage {
    /// One layer with busybox.
    package static func busybox(_ command: [String] = ["/bin/sh"]) throws -> TestImage {
        var image = TestImage(layers: [try BusyBox.archive().finished()])
        image.command = command
        return image
    }

    /// Busybox and layers above it, `count` in all. The layer with number `n` adds `/layers/n` and rewrites `/layers/last`, so a container
    /// can tell that all of them are there and in order.
    package static func layered(_ count: Int) throws -> TestImage {
        var image = try busybox()
        for number in 1..<max(count, 1) {
            var archive = TarArchive()
            archive.directory("layers")
            archive.file("layers/\(number)", text: "\(number)\n")
            archive.file("layers/last", text: "\(number)\n")
            image.layers.append(archive.finished())
        }
        return image
    }

    /// Busybox and a program of this machine with the shared libraries it needs (ldd(1)).
    package static func program(_ program: String, _ arguments: [String] = []) throws -> TestImage {
        guard let path = Command.find(program) else { throw Command.Failure.notInstalled(program) }
        var archive = TarArchive()
        var needed = [path]
        for line in try Command.run("ldd", path).standardOutput.split(separator: "\n") {
            let words = line.split { " \t".contains($0) }
            if let word = words.first(where: { $0.hasPrefix("/") }) { needed.append(String(word)) }
        }
        var made: Set<String> = []
        for file in needed {
            // Every library lands under the path it is looked up by, whatever links lead there on this machine.
            let parts = file.split(separator: "/").dropLast().map(String.init)
            for end in parts.indices {
                let directory = parts[...end].joined(separator: "/")
                if made.insert(directory).inserted { archive.directory(directory) }
            }
            archive.file(String(file.dropFirst()), try Files.read(FilePath(file)), mode: 0o755)
        }
        var image = try busybox([path] + arguments)
        image.layers.append(archive.finished())
        return image
    }

    /// A Redis server that keeps nothing on disk and listens on loopback.
    package static func redis() throws -> TestImage {
        try program("redis-server", ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--protected-mode", "no"])
    }
}
