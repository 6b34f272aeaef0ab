import CLinux
import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Mounts of a configuration, seen from inside.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct MountFieldTests {
    private typealias Mapping = RuntimeConfiguration.IDMapping

    private func withSource(_ body: (FilePath) async throws -> Void) async throws {
        try await TestDirectory.with { directory in
            try Files.write("content\n", to: directory.appending("file"))
            #expect(chown(directory.appending("file").string, 1000, 1001) == 0)
            // For ids that have no mapping.
            #expect(chmod(directory.string, 0o777) == 0)
            try await body(directory)
        }
    }

    /// On tmpfs since Linux 6.3.
    private static let canMapIDs: Bool = {
        var status = statfs()
        let isMemory =
            statfs(TestDirectory.base.string, &status) == 0 && Int64(status.f_type) == ck_TMPFS_MAGIC
        return !isMemory || HostFeatures.detect().kernel.map { $0 >= KernelVersion(6, 3) } ?? true
    }()

    @Test(.enabled(if: canMapIDs, "this kernel cannot id-map the file system of temporary files"))
    func idsAreMappedByTheMountsOwnMaps() async throws {
        try await withSource { source in
            // The directory's owner has to have a mapping for something to be made in it.
            let others = [Mapping(containerID: 7, hostID: 0, size: 1), Mapping(containerID: 0, hostID: 9, size: 1)]
            let result = try await CompiledLaunch.run("stat -c '%u %g' /data/file; touch /data/new; stat -c %u /data/new") {
                $0.mounts?.append(
                    .init(
                        destination: "/data", type: "bind", source: source.string, options: ["bind", "idmap"],
                        uidMappings: [Mapping(containerID: 1000, hostID: 2000, size: 1)] + others,
                        gidMappings: [Mapping(containerID: 1001, hostID: 3000, size: 1)] + others))
            }
            #expect(result.standardOutput == "2000 3000\n0\n", "\(result.standardError)")
            var status = stat()
            #expect(stat(source.appending("new").string, &status) == 0)
            #expect(status.st_uid == 7)
        }
    }

    /// Without maps of its own a mount shows what the container's user namespace has.
    @Test(.enabled(if: canMapIDs, "this kernel cannot id-map the file system of temporary files"))
    func idsAreMappedByTheContainersMaps() async throws {
        try await withSource { source in
            let script = "stat -c '%u %g' /data/file /plain/file; cat /proc/self/uid_map | tr -s ' '"
            let result = try await CompiledLaunch.run(script) {
                $0.linux?.namespaces?.append(.init(type: .user))
                $0.linux?.uidMappings = [.init(containerID: 0, hostID: 100000, size: 65536)]
                $0.linux?.gidMappings = [.init(containerID: 0, hostID: 100000, size: 65536)]
                $0.mounts?.append(.init(destination: "/data", source: source.string, options: ["bind", "idmap"]))
                $0.mounts?.append(.init(destination: "/plain", source: source.string, options: ["bind"]))
            } prepare: { root in
                _ = try Command.run("chown", "-R", "100000:100000", root.string)
            }
            #expect(result.standardOutput == "1000 1001\n65534 65534\n 0 100000 65536\n", "\(result.standardError)")
        }
    }

    @Test(
        .enabled(if: canMapIDs, "this kernel cannot id-map the file system of temporary files"),
        arguments: [("idmap", "0"), ("ridmap", "5000")])
    func submountsAreMappedOnlyRecursively(_ option: String, _ owner: String) async throws {
        try await withSource { source in
            let below = source.appending("below").string
            try TestDirectory.create(FilePath(below))
            #expect(mount("tmpfs", below, "tmpfs", 0, nil) == 0)
            defer { umount2(below, Int32(MNT_DETACH)) }
            try Files.write("x", to: FilePath(below).appending("file"))
            let maps = [Mapping(containerID: 0, hostID: 5000, size: 1)]
            let result = try await CompiledLaunch.run("stat -c %u /data/below/file") {
                $0.mounts?.append(
                    .init(
                        destination: "/data", source: source.string, options: ["rbind", option], uidMappings: maps, gidMappings: maps))
            }
            #expect(result.standardOutput == owner + "\n", "\(result.standardError)")
        }
    }

    /// `ro` is of the mount itself, `rro` of everything below it too.
    @Test(arguments: [("ro", "refused\nmade\n"), ("rro", "refused\nrefused\n")])
    func recursiveAttributes(_ option: String, _ expected: String) async throws {
        try await withSource { source in
            let below = source.appending("below").string
            try TestDirectory.create(FilePath(below))
            #expect(mount("tmpfs", below, "tmpfs", 0, nil) == 0)
            defer { umount2(below, Int32(MNT_DETACH)) }
            let result = try await CompiledLaunch.run(
                "for d in /data /data/below; do (: > $d/new) 2> /dev/null && echo made || echo refused; done"
            ) {
                $0.mounts?.append(.init(destination: "/data", source: source.string, options: ["rbind", option]))
            }
            #expect(result.standardOutput == expected, "\(result.standardError)")
        }
    }

    @Test func recursiveAttributesOfEveryKind() async throws {
        try await withSource { source in
            let options = ["rbind", "rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rnosymfollow"]
            let result = try await CompiledLaunch.run("grep ' /data ' /proc/mounts | cut -d ' ' -f 4") {
                $0.mounts?.append(.init(destination: "/data", source: source.string, options: options))
            }
            let shown = Set(result.standardOutput.split(whereSeparator: { $0 == "," || $0 == "\n" }).map(String.init))
            #expect(shown.isSuperset(of: options.dropFirst().map { String($0.dropFirst()) }), "\(shown) \(result.standardError)")
        }
    }

    @Test func aFileIsBoundOnAFile() async throws {
        try await withSource { source in
            let result = try await CompiledLaunch.run("cat /etc/bound /new/place") {
                for target in ["/etc/bound", "/new/place"] {
                    $0.mounts?.append(.init(destination: target, source: source.appending("file").string, options: ["bind", "ro"]))
                }
            }
            #expect(result.standardOutput == "content\ncontent\n", "\(result.standardError)")
        }
    }

    /// The directory below is kept, with modes, owners and links; the copy is the container's own.
    @Test func aTmpfsBeginsWithWhatIsBelowIt() async throws {
        let script = """
            cat /data/file /data/deep/er/file; readlink /data/link; stat -c '%u %a' /data/deep/owned; echo new > /data/file
            grep -c ' /data tmpfs ' /proc/mounts
            """
        let result = try await CompiledLaunch.run(script) {
            $0.mounts?.append(.init(destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "size=1m"]))
        } prepare: { root in
            _ = try Command.run(
                "sh", "-c",
                """
                mkdir -p \(root)/data/deep/er; echo one > \(root)/data/file; echo two > \(root)/data/deep/er/file
                ln -s /etc/passwd \(root)/data/link; touch \(root)/data/deep/owned; chown 1000 \(root)/data/deep/owned
                chmod 4750 \(root)/data/deep/owned
                """)
        }
        #expect(result.standardOutput == "one\ntwo\n/etc/passwd\n1000 4750\n1\n", "\(result.standardError)")
    }

    @Test func aMountIsChangedByRemount() async throws {
        let result = try await CompiledLaunch.run("(: > /data/new) 2> /dev/null || echo refused; ls /data") {
            $0.mounts?.append(.init(destination: "/data", type: "tmpfs", source: "tmpfs"))
            $0.mounts?.append(.init(destination: "/data/made", type: "tmpfs", source: "tmpfs"))
            $0.mounts?.append(.init(destination: "/data", type: "none", options: ["remount", "ro"]))
        }
        #expect(result.standardOutput == "refused\nmade\n", "\(result.standardError)")
    }

    /// The words of mount(8) that the specification lists, on a file system that takes them.
    @Test func everyPlainOption() async throws {
        let options = [
            "async", "atime", "defaults", "dev", "diratime", "exec", "lazytime", "loud", "noatime", "nodev", "nodiratime", "noexec",
            "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "relatime", "rw", "silent",
            "strictatime", "suid", "symfollow", "sync", "dirsync", "private", "slave", "shared", "unbindable", "rprivate", "rslave",
            "rshared", "runbindable",
        ]
        let result = try await CompiledLaunch.run("ls -d /data/*") { configuration in
            for option in options {
                configuration.mounts?.append(.init(destination: "/data/\(option)", type: "tmpfs", source: "tmpfs", options: [option]))
            }
        }
        #expect(result.standardOutput.split(separator: "\n").count == options.count, "\(result.standardError)")
    }

    @Test(arguments: [("private", ""), ("rslave", "master:"), ("rshared", "shared:"), ("unbindable", "unbindable")])
    func propagationOfTheRoot(_ name: String, _ field: String) async throws {
        let result = try await CompiledLaunch.run("grep ' / / \\| / rw' /proc/self/mountinfo | head -1") {
            $0.linux?.rootfsPropagation = name
        }
        let line = result.standardOutput
        if name == "private" {
            #expect(!line.contains("shared:") && !line.contains("unbindable") && !line.contains("master:"), "\(line)")
        } else if field != "master:" {
            #expect(line.contains(field), "\(line)")
        }
        #expect(result.status == 0)
    }

    @Test func sharedAndSlaveMounts() async throws {
        let result = try await CompiledLaunch.run("grep -E ' /(s|p) ' /proc/self/mountinfo") {
            $0.mounts?.append(.init(destination: "/s", type: "tmpfs", source: "tmpfs", options: ["shared"]))
            $0.mounts?.append(.init(destination: "/p", type: "tmpfs", source: "tmpfs", options: ["unbindable"]))
        }
        let lines = result.standardOutput.split(separator: "\n")
        #expect(lines.count == 2 && lines[0].contains("shared:") && lines[1].contains("unbindable"), "\(lines)")
    }
}
