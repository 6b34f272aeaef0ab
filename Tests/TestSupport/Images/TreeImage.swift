import Testing

/// Images of the kinds that tools get wrong, each a stack of archives, lowest first.
package struct TreeImage: CustomTestStringConvertible, Sendable {
    package var name: String
    package var layers: [TarArchive]

    package var testDescription: String { name }

    init(_ name: String, _ make: ((inout TarArchive) -> Void)...) {
        self.name = name
        layers = make.map { make in
            var archive = TarArchive()
            // An archive that says nothing of its root would leave its time to chance.
            archive.add(.directory, "./", mode: 0o755, modified: 1_600_000_000)
            make(&archive)
            return archive
        }
    }

    package init(_ name: String, layers: [TarArchive]) {
        self.name = name
        self.layers = layers
    }

    private static let merged: @Sendable (inout TarArchive) -> Void = { archive in
        archive.directory("usr")
        archive.add(.directory, "usr/lib/", mode: 0o711, owner: 4, modified: 1_500_000_001)
        archive.file("usr/lib/old.so", text: "old")
        archive.add(.directory, "usr/bin/", mode: 0o755)
        archive.symbolicLink("lib", to: "usr/lib")
        archive.symbolicLink("bin", to: "/usr/bin")
        archive.symbolicLink("chain", to: "lib")
    }

    package static let all: [TreeImage] = [
        TreeImage(
            "directories that are taken for granted",
            { archive in
                archive.add(
                    .directory, "secret/", mode: 0o700, owner: 12, group: 34, modified: 1_400_000_000, nanoseconds: 123_456_789,
                    attributes: ["user.note": Array("kept".utf8)])
                archive.add(.directory, "secret/inner/", mode: 0o2750, owner: 5, group: 6, modified: 1_400_000_002)
                archive.file("secret/inner/old", text: "old")
            },
            { archive in
                archive.file("secret/new", text: "new")
                archive.file("secret/inner/new", text: "new")
            },
            { $0.file("secret/inner/newer", text: "newer") }),
        TreeImage(
            "hard links to files below",
            { archive in
                archive.add(.directory, "d/", mode: 0o750, owner: 7)
                archive.add(.file, "d/file", contents: Array("contents".utf8), mode: 0o4751, owner: 3, group: 4, modified: 1_300_000_000)
                archive.symbolicLink("d/link", to: "nowhere")
            },
            { archive in
                archive.hardLink("first", to: "d/file")
                archive.hardLink("second", to: "first")
                archive.hardLink("third", to: "d/link")
            },
            { $0.hardLink("fourth", to: "second") }),
        TreeImage(
            "entries through links of layers below", merged,
            { archive in
                archive.file("lib/new.so", text: "new")
                archive.directory("lib/sub", mode: 0o700, owner: 9)
                archive.file("lib/sub/deep/file", text: "deep")
                archive.file("bin/tool", text: "tool", mode: 0o4755)
            },
            { archive in
                archive.file("lib/sub/other", text: "other")
                archive.file("lib/.wh.old.so")
                archive.hardLink("lib/again.so", to: "lib/new.so")
            },
            { $0.file("chain/through-two", text: "two") }),
        TreeImage(
            "a listed directory replaces a link", merged,
            { archive in
                archive.directory("lib", mode: 0o755)
                archive.file("lib/mine", text: "mine")
            }),
        TreeImage(
            "a directory listed after what is in it", merged,
            { archive in
                archive.file("lib/before", text: "before")
                archive.add(.directory, "lib/", mode: 0o705, modified: 1_450_000_000)
                archive.file("lib/after", text: "after")
                archive.file("usr/lib/x", text: "x")
                archive.add(.directory, "usr/", mode: 0o751, modified: 1_450_000_001)
            }),
        TreeImage(
            "whited out and made again",
            { archive in
                for name in ["a", "b", "c"] {
                    archive.directory(name)
                    archive.file("\(name)/old", text: "old")
                }
                archive.file("f", text: "f")
            },
            { archive in
                archive.file(".wh.a")
                archive.directory("a", mode: 0o700, owner: 5)
                archive.file("a/new", text: "new")
                archive.file(".wh.c")
                archive.file(".wh.f")
                archive.directory("f")
            },
            { archive in
                archive.directory("c")
                archive.file("c/back", text: "back")
            }),
        TreeImage(
            "types that change",
            { archive in
                archive.file("file", text: "file")
                archive.directory("directory")
                archive.file("directory/inside", text: "inside")
                archive.symbolicLink("link", to: "directory")
                archive.add(.fifo, "fifo", mode: 0o600)
            },
            { archive in
                archive.directory("file")
                archive.file("file/inside", text: "inside")
                archive.file("directory", text: "now a file")
                archive.file("link", text: "now a file")
                archive.symbolicLink("fifo", to: "file")
            },
            { archive in
                archive.file("file", text: "again")
                archive.directory("directory")
                archive.file("directory/fresh", text: "fresh")
                archive.directory("link")
            }),
        TreeImage(
            "opaque directories",
            { archive in
                for name in ["first", "last", "nested", "nested/in"] { archive.directory(name) }
                for name in ["first/old", "last/old", "nested/old", "nested/in/old"] { archive.file(name, text: name) }
            },
            { archive in
                archive.directory("first")
                archive.file("first/.wh..wh..opq")
                archive.file("first/new", text: "new")
                archive.directory("last")
                archive.file("last/new", text: "new")
                archive.file("last/.wh..wh..opq")
                archive.directory("nested")
                archive.directory("nested/in")
                archive.file("nested/in/.wh..wh..opq")
            },
            { archive in
                archive.directory("first")
                archive.file("first/old", text: "once more")
            }),
        TreeImage(
            "devices, modes and owners",
            { archive in
                archive.add(.characterDevice, "null", mode: 0o666, major: 1, minor: 3)
                archive.add(.blockDevice, "disk", mode: 0o660, group: 6, major: 8, minor: 300)
                archive.add(.fifo, "fifo", mode: 0o622, owner: 3)
                archive.add(.file, "suid", contents: [1], mode: 0o6755, owner: 1000, group: 1001)
                archive.add(.directory, "sticky/", mode: 0o1777, group: 50)
                archive.add(.symbolicLink, "link", link: "null", mode: 0o777, owner: 8, group: 9, modified: 1_250_000_000, nanoseconds: 7)
                archive.hardLink("null2", to: "null")
                archive.hardLink("link2", to: "link")
                archive.add(.file, "big", contents: [], owner: 2_000_000, group: 2_097_151)
            }),
        TreeImage(
            "extended attributes",
            { archive in
                // Version 2 of a file capability: cap_net_raw, effective.
                let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
                archive.file("ping", [1], mode: 0o755, owner: 5, attributes: ["security.capability": capability])
                archive.file("noted", [1], attributes: ["user.a": [1, 2, 3], "user.b": [0]])
                archive.add(.directory, "d/", mode: 0o755, attributes: ["user.d": [9]])
            },
            { $0.file("d/inside", text: "inside") }),
        TreeImage(
            "names",
            { archive in
                archive.directory(String(repeating: "long-", count: 40))
                archive.file(String(repeating: "long-", count: 40) + "/" + String(repeating: "n", count: 255), text: "n")
                archive.file("ümläut 名", text: "u")
                archive.file("with space", text: "s")
                archive.file("./dotted/./twice//slashed", text: "d")
                archive.symbolicLink("to-long", to: String(repeating: "x/", count: 300))
                archive.hardLink("hard", to: "./dotted/twice/slashed")
            }),
        TreeImage(
            "whiteouts of what is not there",
            { $0.file("a/b", text: "b") },
            { archive in
                archive.directory("a")
                archive.file("a/.wh.missing")
                archive.file(".wh.nothing")
            }),
        sixty(seed: 60), many(3000),
    ]

    /// Sixty layers of random changes: files, links, deletes, opaque directories, changes of type.
    package static func sixty(seed: UInt64) -> TreeImage {
        var random = SeededGenerator(seed)
        var layers: [TarArchive] = []
        func path(_ depth: Int) -> String { (0..<depth).map { _ in "d\(Int.random(in: 0..<3, using: &random))" }.joined(separator: "/") }
        for number in 0..<60 {
            var archive = TarArchive()
            archive.add(.directory, "./", mode: 0o755, modified: 1_600_000_000 + number)
            var listed: Set<String> = []
            var used: Set<String> = []
            for step in 0..<8 {
                let parent = path(Int.random(in: 1...3, using: &random))
                // Listed with all above it, as most tools do. (What others do, the other images have.)
                var prefix = ""
                for part in parent.split(separator: "/") {
                    prefix += (prefix.isEmpty ? "" : "/") + part
                    guard listed.insert(prefix).inserted else { continue }
                    archive.add(
                        .directory, prefix + "/", mode: [0o755, 0o700, 0o1777].randomElement(using: &random) ?? 0o755,
                        owner: UInt32.random(in: 0..<3, using: &random), modified: 1_500_000_000 + number * 100 + step)
                }
                let leaf = "n\(Int.random(in: 0..<4, using: &random))"
                let name = "\(parent)/\(leaf)"
                guard used.insert(name).inserted else { continue }
                switch Int.random(in: 0..<7, using: &random) {
                case 0, 1: archive.file(name, text: "\(number) \(step)", mode: 0o644)
                case 2: archive.symbolicLink(name, to: "n\(step)")
                case 3: archive.directory(name, mode: 0o750)
                case 4: archive.add(.fifo, name, mode: 0o600)
                case 5: archive.file("\(parent)/.wh.\(leaf)")
                default: if used.insert(parent).inserted { archive.file("\(parent)/.wh..wh..opq") }
                }
            }
            layers.append(archive)
        }
        return TreeImage("sixty layers (seed \(seed))", layers: layers)
    }

    /// Three layers: one half, the other half, and a file changed and one deleted in each directory.
    package static func many(_ count: Int) -> TreeImage {
        func fill(_ archive: inout TarArchive, _ directories: Range<Int>) {
            for directory in directories {
                archive.directory("d\(directory)")
                for file in 0..<50 { archive.file("d\(directory)/f\(file)", text: "\(directory) \(file)") }
            }
        }
        let directories = count / 50
        return TreeImage(
            "\(count) files", { fill(&$0, 0..<directories / 2) }, { fill(&$0, directories / 2..<directories) },
            { archive in
                for directory in 0..<directories {
                    archive.file("d\(directory)/f\(directory % 50)", text: "changed")
                    archive.file("d\(directory)/.wh.f\((directory + 1) % 50)")
                }
            })
    }
}
