import OCIModel
import Testing

@testable import BundleKit

@Suite("Entrypoint, command, environment")
struct ProcessConversionTests {
    private func arguments(_ entrypoint: [String], _ command: [String], _ options: (inout BundleOptions) -> Void = { _ in }) throws
        -> [String]
    {
        var wanted = BundleOptions()
        options(&wanted)
        return try ProcessConversion.arguments(ImageDefaults(entrypoint: entrypoint, command: command), wanted)
    }

    @Test func `entrypoint and command as Docker joins them`() throws {
        #expect(try arguments([], ["sh"]) == ["sh"])
        #expect(try arguments(["e"], ["c", "d"]) == ["e", "c", "d"])
        #expect(try arguments(["e"], ["c"]) { $0.command = ["x"] } == ["e", "x"])
        #expect(try arguments(["e"], ["c"]) { $0.command = [] } == ["e"])
        #expect(try arguments(["e"], ["c"]) { $0.entrypoint = ["n"] } == ["n"])
        #expect(
            try arguments(["e"], ["c"]) {
                $0.entrypoint = ["n"]
                $0.command = ["x"]
            } == ["n", "x"])
        #expect(
            try arguments(["e"], ["c"]) {
                $0.entrypoint = []
                $0.command = ["x"]
            } == ["x"])
        #expect(throws: BundleError.self) { try arguments([], []) }
        #expect(throws: BundleError.self) { try arguments(["e"], ["c"]) { $0.entrypoint = [] } }
        #expect(throws: BundleError.self) { try arguments([], ["a\0b"]) }
    }

    @Test func `environment of the image, of the user, of every container`() throws {
        var options = BundleOptions()
        options.environment = ["B": "user", "C": "=c="]
        options.terminal = true
        let image = ImageDefaults(environment: ["A=1", "B=image", "A=2", "broken", "=x"])
        #expect(
            try ProcessConversion.environment(image, options, hostname: "h", home: "/home/u") == [
                "A=2", "B=user", "C==c=", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=h", "TERM=xterm",
                "HOME=/home/u",
            ])
        for bad in ["", "A=B", "A\0"] {
            options.environment = [bad: "x"]
            #expect(throws: BundleError.self) { try ProcessConversion.environment(image, options, hostname: "h", home: "/") }
        }
    }

    @Test func `stop signal of the options, the image, or SIGTERM`() throws {
        func signal(_ image: String?, _ chosen: Signal? = nil) throws -> Int32 {
            var options = BundleOptions()
            options.stopSignal = chosen
            return try RuntimeConversion(image: ImageDefaults(stopSignal: image), options: options, containerID: "c").stopSignal().rawValue
        }
        #expect(try signal(nil) == 15 && signal("SIGQUIT") == 3 && signal("SIGRTMIN+3") == 37 && signal("nonsense", .kill) == 9)
        #expect(throws: BundleError.self) { try signal("nonsense") }
    }
}
