import CLinux
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Overlays of many layers, far down, by both ways of mounting.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildOverlayTests {
    struct Case: Sendable {
        var layers: Int
        var depth: Int
        var legacy: Bool
    }

    @Test(arguments: [
        Case(layers: 2, depth: 0, legacy: false), Case(layers: 60, depth: 200, legacy: false),
        Case(layers: 127, depth: 280, legacy: false), Case(layers: 2, depth: 0, legacy: true),
        Case(layers: 127, depth: 280, legacy: true),
    ])
    func layersAreStacked(_ test: Case) async throws {
        try await withProbe { probe, root throws in
            var base = probe.directory.appending("layers")
            while base.string.utf8.count < test.depth { base.append(String(repeating: "d", count: 40)) }
            _ = try Command.run("mkdir", "-p", base.string)
            var lower: [String] = []
            for number in 1..<test.layers {
                let layer = base.appending("layer-\(number)")
                try TestDirectory.create(layer)
                try Files.write("\(number)\n", to: layer.appending("last"))
                try Files.write("", to: layer.appending("file-\(number)"))
                lower.insert(layer.string, at: 0)
            }
            lower.append(root.string)
            for name in ["upper", "work"] { try TestDirectory.create(base.appending(name)) }
            var plan = ChildPlans.full(root: root, ["sh", "-c", "ls -d /file-* | wc -l; cat /last; echo x > /written"])
            plan.trees[0] = .overlay(
                lower: lower, upper: base.appending("upper").string, work: base.appending("work").string, options: [],
                attributes: 0)
            plan.forcesLegacyOverlay = test.legacy
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == "\(test.layers - 1)\n\(test.layers - 1)\n", "\(result.standardError)")
            #expect(try Files.text(base.appending("upper/written")) == "x\n")
            #expect(!Files.exists(root.appending("written")))
            #expect(try !Files.text("/proc/self/mountinfo").contains(probe.directory.string))
        }
    }
}
