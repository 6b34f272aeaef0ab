import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import BundleKit

@Suite("Users and groups of an image")
struct UserTests {
    private static let passwords = AccountFile.passwords(
        """
        root:x:0:0:root:/root:/bin/sh
        # comment
        app:x:1000:1000::/home/app:/bin/sh
        broken:x:99999999999:1:::
        short:x:5
        minus:x:-1:0::/:
        highest:x:4294967295:0::/:
        1000:x:77:78::/odd:
        """)
    private static let groups = AccountFile.groups("root:x:0:\napp:x:1000:\nstaff:x:50:app,other\nwheel:x:10:app\nbad:x:5000000000:\n")

    private func resolve(_ text: String, _ extra: [String] = []) throws -> [UInt32] {
        let user = try UserResolution.resolve(text, extra: extra, passwords: Self.passwords, groups: Self.groups)
        return [user.user, user.group] + user.additionalGroups
    }

    @Test func `names, ids, groups`() throws {
        #expect(Self.passwords.map(\.name) == ["root", "app", "1000"])
        #expect(try resolve("") == [0, 0, 0])
        #expect(try resolve("app") == [1000, 1000, 1000, 50, 10])
        #expect(try resolve("app:root") == [1000, 0, 0])
        #expect(try resolve("app:4") == [1000, 4, 4])
        #expect(try resolve("12:34") == [12, 34, 34])
        #expect(try resolve("12") == [12, 0, 0])
        #expect(try resolve(":staff") == [0, 50, 50])
        #expect(try resolve("1000") == [77, 78, 78])
        #expect(try resolve("app", ["7", "staff", "wheel"]) == [1000, 1000, 1000, 50, 10, 7])
        for bad in ["nobody", "-1", "4294967295", "99999999999", "+1", " 1", "0x1", "app:nope", "app:-1", "app:1:2", "broken"] {
            #expect(throws: BundleError.self, "\(bad)") { try resolve(bad) }
        }
    }

    @Test func `a link in the image cannot show the host's accounts`() async throws {
        try await TestDirectory.with("users") { directory in
            let (top, bottom) = (directory.appending("top"), directory.appending("bottom"))
            for path in [top, bottom, top.appending("etc"), bottom.appending("etc"), bottom.appending("real")] {
                try TestDirectory.create(path)
            }
            try Files.write("evil:x:4242:4242::/:\n", to: directory.appending("passwd"))
            try Command.run(
                "ln", "-s", "../../../../../../../.." + directory.appending("passwd").string, top.appending("etc/passwd").string)
            try Files.write("app:x:9:9::/:\n", to: bottom.appending("real/passwd"))
            let options = BundleOptions()
            func conversion(_ user: String) -> RuntimeConversion {
                RuntimeConversion(image: ImageDefaults(command: ["x"], user: user), options: options, containerID: "c")
            }
            await #expect(throws: BundleError.self) { try await conversion("evil").configuration(layers: [top, bottom]) }
            try Command.run("ln", "-sf", "/real/passwd", top.appending("etc/passwd").string)
            let found = try await conversion("app").configuration(layers: [top, bottom])
            #expect(found.process?.user?.uid == 9)
            try Command.run("ln", "-sf", "passwd", top.appending("etc/passwd").string)
            await #expect { try await conversion("app").configuration(layers: [top, bottom]) } throws: {
                ($0 as? BundleError)?.errno == .tooManySymbolicLinkLevels
            }
            // A whiteout above hides the file; without one it is seen.
            try Command.run("rm", top.appending("etc/passwd").string)
            try Files.write("low:x:8:8::/:\n", to: bottom.appending("etc/passwd"))
            #expect(try await conversion("low").configuration(layers: [top, bottom]).process?.user?.uid == 8)
        }
    }
}
