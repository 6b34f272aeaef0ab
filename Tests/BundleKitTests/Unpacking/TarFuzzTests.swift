import BundleChild
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import BundleKit

/// Stacks of random archives of names that are chosen to collide, whole and damaged, as long as `FuzzRun` says.
@Suite("Random archives", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct TarFuzzTests {
    private static let parts = ["a", "b", "c", "a", "b", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", ".wh..", ".wh...", ".wh..wh.x"]
    private static let good = ["a", "b", "c"]

    private static func path(_ random: inout SeededGenerator, hostile: Bool) -> String {
        let depth = Int.random(in: 1...3, using: &random)
        var path = (0..<depth).map { _ in ((hostile ? parts : good).randomElement(using: &random) ?? "a") }.joined(separator: "/")
        if hostile, Int.random(in: 0..<10, using: &random) == 0 { path = "/" + path }
        return path
    }

    private static func archive(_ random: inout SeededGenerator, outside: String, hostile: Bool) -> (archive: TarArchive, list: String) {
        var archive = TarArchive()
        var list: [String] = []
        var (names, directories): (Set<String>, Set<String>) = ([], [])
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            var path = path(&random, hostile: hostile)
            // An archive that contradicts itself means what its order says, and no two readers agree on it.
            if !hostile {
                let isTaken = names.contains {
                    $0 == path || $0.hasPrefix(path + "/") || path.hasPrefix($0 + "/") && !directories.contains($0)
                }
                if isTaken { continue }
                names.insert(path)
            }
            let kind = Int.random(in: 0..<8, using: &random)
            var target = ""
            switch kind {
            case 0, 1:
                directories.insert(path)
                archive.directory(path, mode: [0o755, 0o700].randomElement(using: &random) ?? 0o755)
            case 2, 3: archive.file(path, text: "\(Int.random(in: 0..<100, using: &random))")
            case 4:
                let targets =
                    hostile
                    ? ["a", "../b", "/c", outside, "..", "/", "../../../../../.." + outside, ".wh.a", "/.wh..wh.x/b", "b/.wh..wh..opq"]
                    : ["a", "../b", "/c", "b/a"]
                target = targets.randomElement(using: &random) ?? "a"
                archive.symbolicLink(path, to: target)
            case 5:
                target = Self.path(&random, hostile: hostile)
                archive.hardLink(path, to: target)
            case 6: archive.add(.fifo, path)
            default:
                var parts = path.split(separator: "/").map(String.init)
                let last = parts.popLast() ?? "a"
                parts.append(Bool.random(using: &random) ? ".wh." + last : ".wh..wh..opq")
                path = parts.joined(separator: "/")
                archive.file(path)
            }
            list.append("\(["directory", "directory", "file", "file", "link", "hard link", "fifo", "mark"][kind]) \(path) \(target)")
        }
        return (archive, list.joined(separator: "; "))
    }

    /// Words that mean something in a header.
    private static let words = [
        "../", "/", ".wh.", ".wh..wh..opq", "17 path=../x\n", "GNU.sparse.map=0,9223372036854775807", "size=-1\n", "77777777777",
        "SCHILY.xattr.security.capability=", "mtime=1e999\n", "L", "K", "x", "g", "S", "hdrcharset=BINARY\n",
    ].map { Array($0.utf8) }

    /// Extended headers, devices, attributes and fractions of seconds.
    private static let special: [UInt8] = {
        var archive = TarArchive()
        archive.file(String(repeating: "long/", count: 30) + "x", Array("y".utf8), attributes: ["user.k": Array("v".utf8)])
        archive.add(.characterDevice, "null", major: 1, minor: 3)
        archive.add(.fifo, "pipe", nanoseconds: 5)
        return archive.finished()
    }()

    /// - Returns: the archive with a few changes. Most readers look at nothing behind a wrong sum: half of them get sums that hold.
    private static func damaged(_ archive: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var mutator = Mutator(seed: random.next(), corpus: [archive, archive, special], words: words)
        var bytes = mutator.next()
        guard Bool.random(using: &random) else { return bytes }
        for header in stride(from: 0, to: bytes.count - 511, by: 512) {
            guard bytes[(header + 257)..<(header + 262)].elementsEqual("ustar".utf8) else { continue }
            for index in 148..<156 { bytes[header + index] = 0x20 }
            let sum = String(bytes[header..<header + 512].reduce(0) { $0 + Int($1) }, radix: 8)
            let field = Array((String(repeating: "0", count: max(0, 6 - sum.count)) + sum).utf8) + [0, 0x20]
            bytes.replaceSubrange(header + 148..<header + 156, with: field.prefix(8))
        }
        return bytes
    }

    /// Names in a finished layer that engines would take for removals.
    private static func marks(_ layer: FilePath) throws -> [[UInt8]] {
        try marks(SharedDescriptor(try OwnedDescriptor.open(layer.string, flags: O_DIRECTORY)))
    }

    private static func marks(_ directory: SharedDescriptor) throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        for name in try FileCalls.names(in: directory.rawValue) {
            if name.starts(with: ".wh.".utf8) { found.append(name) }
            guard let status = try FileCalls.status(name, at: directory.rawValue), FileCalls.isDirectory(status) else { continue }
            found += try marks(
                SharedDescriptor(try FileCalls.open(name, at: directory.rawValue, flags: FileCalls.directoryFlags)))
        }
        return found
    }

    @Test func `nothing leads outside, no mark stays a name, and every failure has a type`() async throws {
        try await TestDirectory.with("fuzz", in: TestDirectory.memory) { directory in
            let outside = directory.appending("outside")
            try TestDirectory.create(outside)
            try Files.write("sentinel", to: outside.appending("a"))
            let before = try TreeListing.of(outside)
            var (tried, kept) = (0, 0)
            try FuzzRun.run("stacks of archives", atLeast: 30) { seed in
                var random = SeededGenerator(seed)
                try TestDirectory.create(directory.appending("bench"))
                let bench = try LayerBench(directory.appending("bench"))
                for _ in 0..<3 {
                    let (archive, list) = Self.archive(&random, outside: outside.string, hostile: true)
                    var bytes = archive.finished()
                    if Bool.random(using: &random) { bytes = Self.damaged(bytes, &random) }
                    tried += 1
                    switch try bench.unpack(bytes, lowerIsKnown: Bool.random(using: &random), settles: true) {
                    case .done:
                        kept += 1
                        let marks = try Self.marks(bench.path(bench.layers.count - 1))
                        #expect(marks == [], "seed \(seed): \(list)")
                    case .failed(let failure): #expect(failure.code != .badRequest, "seed \(seed): \(list)")
                    default: Issue.record("no outcome, seed \(seed)")
                    }
                }
                #expect(try TreeListing.of(outside) == before, "seed \(seed)")
                #expect(Files.names(in: directory) == ["bench", "outside"], "seed \(seed)")
                try TreeRemoval.remove(directory.appending("bench").string)
            }
            if FuzzRun.isWhole { #expect(tried > 20 && kept > 5, "\(kept) of \(tried)") }
        }
    }

    /// What a stack shows, laid down in one directory.
    private func shown(_ bench: LayerBench, in place: FilePath) throws -> [String: String] {
        try TestDirectory.create(place)
        let layers = try bench.layers.reversed().map { name in
            SharedDescriptor(try OwnedDescriptor.open(bench.directory.appending("layers").appending(name).string, flags: O_DIRECTORY))
        }
        try LayerCopy.copy(layers, to: SharedDescriptor(try OwnedDescriptor.open(place.string, flags: O_DIRECTORY))) { () throws(Errno) in }
        return try TreeListing.of(place)
    }

    @Test func `a layer that is settled shows what one in order shows`() async throws {
        try await TestDirectory.with("fuzz", in: TestDirectory.memory) { directory in
            var compared = 0
            try FuzzRun.run("settled stacks", atLeast: 30) { seed in
                var random = SeededGenerator(seed)
                for name in ["order", "settled"] { try TestDirectory.create(directory.appending(name)) }
                let inOrder = try LayerBench(directory.appending("order"))
                let settled = try LayerBench(directory.appending("settled"))
                var lists: [String] = []
                for _ in 0..<3 {
                    let (archive, list) = Self.archive(&random, outside: "/", hostile: false)
                    lists.append(list)
                    let bytes = archive.finished()
                    let first = try inOrder.unpack(bytes)
                    let second = try settled.unpack(bytes, lowerIsKnown: false, settles: true)
                    guard case .done = first, case .done = second else {
                        // Who settles may ask for the order instead, and nothing else.
                        if case .done = first, case .failed(let failure) = second { #expect(failure.code.dependsOnBelow, "seed \(seed)") }
                        if case .done = second, case .failed(let failure) = first, failure.code != .missingLinkTarget {
                            Issue.record("only settled: \(failure.code), seed \(seed)\n\(lists.joined(separator: "\n"))")
                        }
                        break
                    }
                    compared += 1
                    let one = try shown(inOrder, in: directory.appending("one"))
                    let other = try shown(settled, in: directory.appending("other"))
                    let difference = TreeListing.difference(other, one, since: .max)
                    #expect(difference.isEmpty, "seed \(seed):\n\((difference + lists).joined(separator: "\n"))")
                    for name in ["one", "other"] { try TreeRemoval.remove(directory.appending(name).string) }
                }
                for name in ["order", "settled"] { try TreeRemoval.remove(directory.appending(name).string) }
            }
            if FuzzRun.isWhole { #expect(compared > 5) }
        }
    }
}
