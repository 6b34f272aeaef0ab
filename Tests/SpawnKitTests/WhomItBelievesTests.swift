import CSpawnerEntry
import TestSupport
import Testing

/// Anybody can set a variable: each condition of the constructor, falsified alone.
@Suite("Whom the spawner's constructor believes", .serialized)
struct WhomItBelievesTests {
    static let mainRan = "main ran, marker gone"

    @Test func everythingHolds() throws {
        #expect(try ProbeProgram.run(greeting: ProbeProgram.greeting(buildID: ProbeProgram.buildID())) == "hello")
    }

    @Test func noMarker() throws {
        #expect(try ProbeProgram.run(marker: nil, control: .nothing) == Self.mainRan)
    }

    @Test(arguments: ["4", "", "3x", "-1", "99999999999999999999", "03 "])
    func markerNamesNoControlSocket(_ marker: String) throws {
        let greeting = ProbeProgram.greeting(buildID: try ProbeProgram.buildID())
        #expect(try ProbeProgram.run(marker: marker, greeting: greeting) == Self.mainRan)
    }

    @Test func noSocket() throws {
        #expect(try ProbeProgram.run(control: .devNull) == Self.mainRan)
        #expect(try ProbeProgram.run(control: .nothing) == Self.mainRan)
    }

    @Test func streamSocket() throws {
        let greeting = ProbeProgram.greeting(buildID: try ProbeProgram.buildID())
        #expect(try ProbeProgram.run(control: .socketPair(.stream), greeting: greeting) == Self.mainRan)
    }

    /// The peer is this process, the parent is a shell in between.
    @Test func peerIsNotTheParent() throws {
        let greeting = ProbeProgram.greeting(buildID: try ProbeProgram.buildID())
        #expect(
            try ProbeProgram.run(greeting: greeting, prefix: ["sh", "-c", "\"$0\" \"$@\"; exit 0"]) == Self.mainRan)
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func anotherUser() throws {
        let greeting = ProbeProgram.greeting(buildID: try ProbeProgram.buildID())
        #expect(
            try ProbeProgram.run(greeting: greeting, prefix: ["setpriv", "--reuid", "65534", "--clear-groups"]) == Self.mainRan)
    }

    /// Real and effective ids differ, as in a set-uid program: AT_SECURE.
    @Test(.needsRoot, .tags(.privileged), .leakChecked) func setUserIDProgram() throws {
        let greeting = ProbeProgram.greeting(buildID: try ProbeProgram.buildID())
        #expect(try ProbeProgram.run(greeting: greeting, prefix: ["setpriv", "--ruid", "65534"]) == Self.mainRan)
        #expect(try ProbeProgram.run(greeting: greeting, prefix: ["setpriv", "--rgid", "65534", "--keep-groups"]) == Self.mainRan)
    }

    @Test func wrongGreeting() throws {
        let id = try ProbeProgram.buildID()
        #expect(try ProbeProgram.run(greeting: ProbeProgram.greeting(buildID: id ^ 1)) == Self.mainRan)
        #expect(try ProbeProgram.run(greeting: ProbeProgram.greeting(buildID: id, magic: 7)) == Self.mainRan)
        #expect(try ProbeProgram.run(greeting: ProbeProgram.greeting(buildID: id, version: 99)) == Self.mainRan)
        #expect(try ProbeProgram.run(greeting: Array(ProbeProgram.greeting(buildID: id).dropLast())) == Self.mainRan)
    }

    /// A parent that says nothing delays the program by two seconds, no more.
    @Test func noGreeting() throws {
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try ProbeProgram.run(greeting: []) == Self.mainRan)
        let time = clock.now - start
        #expect(time > .seconds(1.9) && time < .seconds(4))
    }

    @Test func afterTheProgramWasRemovedFromDisk() throws {
        #expect(try ProbeProgram.run("prepare", marker: nil, control: .nothing) == "prepared")
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func executableCannotBeWrittenFromInside() throws {
        #expect(try ProbeProgram.run("overwrite-executable", marker: nil, control: .nothing) == "refused")
    }

    /// Started through ld.so the program's own executable is the loader, which cannot become a spawner.
    @Test func startedThroughTheLoader() throws {
        let loader = "/lib64/ld-linux-x86-64.so.2"
        let output = try ProbeProgram.run("prepare", marker: nil, control: .nothing, prefix: [loader])
        #expect(output.contains("cannot execute itself"))
        #expect(output.contains("container-shim"))
    }

    /// Hosts that treat their children in unusual ways.
    @Test(arguments: ["prepare", "ignores-children", "reaps-everything", "subreaper", "no-streams"])
    func unusualHost(_ mode: String) throws {
        #expect(try ProbeProgram.run(mode, marker: nil, control: .nothing) == "prepared")
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func hostIsProcessOne() throws {
        let unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
        #expect(try ProbeProgram.run("prepare", marker: nil, control: .nothing, prefix: unshare) == "prepared")
    }

    @Test func roleThatIsNotLinked() throws {
        #expect(try ProbeProgram.run("other-role", marker: nil, control: .nothing) == "refused")
    }

    /// The way out for a program that cannot execute itself: the executable product.
    @Test(arguments: ["container-shim", "durable-shim"]) func shimExecutableServesOtherPrograms(_ name: String) throws {
        let shim = try ProbeProgram.path.replacing("SpawnProbe", with: name)
        #expect(try ProbeProgram.run("prepare", marker: nil, control: .nothing, suffix: [shim]) == "prepared")
        let output = try ProbeProgram.run(
            "prepare", marker: nil, control: .nothing, prefix: ["/lib64/ld-linux-x86-64.so.2"], suffix: [shim])
        #expect(output == "prepared")
    }

    /// Another program, one that is not there, and a file that is none.
    @Test(arguments: ["/bin/true", "/nonexistent/durable-shim", "/etc/passwd"])
    func executableThatIsNoShim(_ path: String) throws {
        let output = try ProbeProgram.run("prepare", marker: nil, control: .nothing, suffix: [path])
        #expect(output.contains("cannot make containers for this program: \(path): "), "\(output)")
        #expect(output.contains("`durable-shim`"), "\(output)")
    }

    /// The probe is another program than this one, so it does not believe this one's greeting.
    @Test func anotherProgramsGreeting() throws {
        #expect(try ProbeProgram.run(greeting: ProbeProgram.greeting(buildID: ckSpawnerBuildID())) == Self.mainRan)
    }
}
