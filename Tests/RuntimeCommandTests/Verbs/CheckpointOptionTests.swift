import Foundation
import Glibc
import LinuxSystem
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Each option of `checkpoint` and `restore` by what it changes. They run where criu works: in the guest.
@Suite("Command: options of checkpoint and restore", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CheckpointOptionTests {
    @Test(.needsWorkingCriu) func memoryThatDidNotChangeIsTakenFromTheEarlierImages() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            // Eight MiB in the shell's memory that stay as they are.
            try container.start("x=0123456789abcdef; while [ ${#x} -lt 8388608 ]; do x=$x$x; done; ")
            let work = container.bundle.directory.appending("work")
            let path = try #require(RuntimeUnderTest.path)
            let earlier = container.bundle.directory.appending("earlier")
            let pre = try Command(
                [
                    path, "--root", container.bundle.root.string, "checkpoint", "--pre-dump", "--image-path", earlier.string,
                    container.bundle.id,
                ], timeout: .seconds(120)
            ).run()
            try #require(pre.status == 0, "\(pre.standardError)")
            #expect(try container.bundle.state() == "running")
            try container.goAndReturn(
                ["--parent-path", "../earlier", "--auto-dedup", "--work-path", work.string], ["--work-path", work.string])
            #expect(pages(earlier) > 8 << 20)
            #expect(pages(container.images) < 4 << 20)
            #expect(Set(Files.names(in: work) ?? []).isSuperset(of: ["dump.log", "restore.log"]))
        }
    }

    private func pages(_ directory: FilePath) -> Int {
        (Files.names(in: directory) ?? []).filter { $0.hasPrefix("pages-") }.reduce(0) { sum, name in
            var status = stat()
            return stat(directory.appending(name).string, &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    @Test(.needsWorkingCriu) func connectionsAreKeptWhenAskedFor() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start(
                """
                ip link set lo up; (sleep 1000 | nc -l -p 7000 > /dev/null) &
                sleep 0.5; (sleep 1000 | nc 127.0.0.1 7000 > /dev/null) &
                sleep 0.5;
                """)
            let refused = try container.checkpoint()
            #expect(refused.status == 1 && refused.standardError.contains("onnected TCP socket"), "\(refused.standardError)")
            try container.goesOn(from: container.count)
            try container.goAndReturn(["--tcp-established"], ["--tcp-established"])
            let table = try container.bundle.runtime("exec", container.bundle.id, "/bin/sh", "-c", "cat /proc/net/tcp /proc/net/tcp6")
            // 01 is ESTABLISHED.
            #expect(table.standardOutput.split(separator: "\n").filter { $0.contains(":1B58") && $0.contains(" 01 ") }.count == 2)
        }
    }

    @Test(.needsWorkingCriu, .needsPrograms("flock")) func locksAreKeptWhenAskedFor() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            // busybox has none.
            let flock = try #require(Command.find("flock"))
            let libraries = try Command(["ldd", flock]).run().standardOutput.split(separator: "\n").compactMap { line in
                line.split(separator: " ").first { $0.contains("/") }.map { String($0.drop { $0 == "\t" }) }
            }
            for file in libraries + [flock] {
                let target = FilePath(container.bundle.rootfs.string + file)
                _ = try Command.run("mkdir", "-p", target.removingLastComponent().string)
                _ = try Command.run("cp", "-L", file, target.string)
            }
            try container.start("exec 9> /lock; \(flock) 9; ")
            let refused = try container.checkpoint()
            #expect(refused.status == 1 && refused.standardError.contains("file lock"), "\(refused.standardError)")
            try container.goAndReturn(["--file-locks"], ["--file-locks"])
            let again = try container.bundle.runtime("exec", container.bundle.id, "/bin/sh", "-c", "\(flock) -n /lock true")
            #expect(again.status != 0)
        }
    }

    @Test(.needsWorkingCriu, arguments: ["ignore", "soft", "full"]) func cgroupModes(_ mode: String) async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start()
            try container.goAndReturn(["--manage-cgroups-mode", mode], ["--manage-cgroups-mode", mode])
            let limit = RuntimeUnderTest.isOnUnified ? "" : "pids/"
            #expect(try Files.text(FilePath("/sys/fs/cgroup/\(limit)\(container.bundle.id)/pids.max")) == "23\n")
        }
    }

    @Test(.needsWorkingCriu) func theNetworkIsLeftEmptyWhenAskedFor() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start("ip link set lo up; ")
            try container.goAndReturn(["--empty-ns", "network"], ["--empty-ns", "network"])
            let flags = try container.bundle.runtime("exec", container.bundle.id, "/bin/sh", "-c", "cat /sys/class/net/lo/flags")
            #expect(!flags.standardOutput.contains("0x9"), "\(flags.standardOutput)")
        }
    }

    @Test(.needsWorkingCriu) func aNetworkThatWasJoinedIsJoinedAgain() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let holder = try ChildProcess(Command(["unshare", "--net", "sleep", "1000"], timeout: .seconds(300)))
            cleanup.add { holder.stop() }
            let network = "/proc/\(holder.pid)/ns/net"
            for _ in 0..<100 where Files.link(FilePath(network)) == Files.link("/proc/self/ns/net") { usleep(10_000) }
            try container.start { configuration in
                let namespaces = configuration.linux?.namespaces?.filter { $0.type != .network }
                configuration.linux?.namespaces = (namespaces ?? []) + [.init(type: .network, path: network)]
            }
            try container.goAndReturn()
            #expect(Files.link(FilePath("/proc/\(try container.bundle.state("pid"))/ns/net")) == Files.link(FilePath(network)))
        }
    }

    @Test(.needsWorkingCriu) func hooksRunForARestoredContainer() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let log = container.bundle.directory.appending("hooks")
            func hook(_ name: String) -> RuntimeConfiguration.Hook {
                .init(path: "/bin/sh", args: ["sh", "-c", "read state; echo $state | grep -q '\"pid\"' && echo \(name) >> \(log)"])
            }
            try container.start {
                $0.hooks = .init(createRuntime: [hook("createRuntime")], poststart: [hook("poststart")], poststop: [hook("poststop")])
            }
            try container.goAndReturn()
            #expect(try Files.text(log) == "createRuntime\npoststart\npoststop\ncreateRuntime\npoststart\n")
        }
    }

    @Test(.needsWorkingCriu) func aTerminalGoesToTheConsoleSocket() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let first = try DescriptorReceiver(container.bundle.directory.appending("first"))
            var configuration = container.configuration("trap 'echo resized $(stty size)' WINCH; ")
            configuration.process?.terminal = true
            try container.bundle.write(configuration)
            let started = try container.bundle.runtime(
                "run", "--detach", "--console-socket", first.path.string, "--bundle", container.bundle.directory.string, container.bundle.id
            )
            try #require(started.status == 0, "\(started.standardError)")
            let before = try first.receive()
            container.wait(until: 3)
            let second = try DescriptorReceiver(container.bundle.directory.appending("second"))
            try container.goAndReturn([], ["--console-socket", second.path.string])
            let master = try second.receive()
            // What is written to the one is read from the shell's end: the two are one terminal.
            var size = winsize()
            (size.ws_row, size.ws_col) = (33, 77)
            #expect(ioctl(master.rawValue, UInt(TIOCSWINSZ), &size) == 0)
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 4096)
            for _ in 0..<40 where !text.contains("resized 33 77") {
                var polled = pollfd(fd: master.rawValue, events: Int16(POLLIN), revents: 0)
                guard poll(&polled, 1, 500) > 0 else { continue }
                let count = read(master.rawValue, &buffer, buffer.count)
                if count > 0 { text += String(decoding: buffer[..<count], as: UTF8.self) }
            }
            #expect(text.contains("resized 33 77"), "\(text)")
            _ = before
        }
    }

    @Test(.needsWorkingCriu) func memoryGoesToAPageServer() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start()
            mkdir(container.images.string, 0o700)
            let port = try DockerRegistry.freePort()
            let server = try ChildProcess(
                Command(["criu", "page-server", "--images-dir", container.images.string, "--address", "127.0.0.1", "--port", "\(port)"]))
            cleanup.add { server.stop() }
            usleep(1_000_000)
            try container.goAndReturn(["--page-server", "127.0.0.1:\(port)"])
        }
    }

    /// The container goes on elsewhere before its memory is there: here beside the first, under another root.
    @Test(.needsWorkingCriu) func memoryStaysUntilItIsAskedFor() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            let bundle = container.bundle
            let path = try #require(RuntimeUnderTest.path)
            let before = "x=0123456789abcdef; while [ ${#x} -lt 1048576 ]; do x=$x$x; done; "
            try container.start(before)
            let status = bundle.directory.appending("status")
            let port = try DockerRegistry.freePort()
            let dump = try ChildProcess(
                Command([
                    "sh", "-c", "exec \"$@\" 3> \(status)", "sh", path, "--root", bundle.root.string, "checkpoint", "--lazy-pages",
                    "--page-server", "127.0.0.1:\(port)", "--status-fd", "3", "--image-path", container.images.string, bundle.id,
                ]))
            for _ in 0..<1200 where dump.isRunning && (try? Files.read(status).isEmpty) != false { usleep(50_000) }
            try #require(Files.read(status) == [0], "\(String(decoding: dump.errors(), as: UTF8.self))")
            let number = container.count

            let work = bundle.directory.appending("work")
            mkdir(work.string, 0o700)
            let pages = try ChildProcess(
                Command([
                    "criu", "lazy-pages", "--page-server", "--address", "127.0.0.1", "--port", "\(port)", "--images-dir",
                    container.images.string, "--work-dir", work.string,
                ]))
            cleanup.add { pages.stop() }
            for _ in 0..<600 where !Files.exists(work.appending("lazy-pages.socket")) { usleep(50_000) }
            var configuration = container.configuration(before)
            configuration.root?.path = bundle.rootfs.string
            configuration.linux?.cgroupsPath = "/\(bundle.id)-there"
            let there = bundle.directory.appending("there")
            mkdir(there.string, 0o700)
            try Files.write(try JSONEncoder().encode(configuration), to: there.appending("config.json"))
            let runtime = [path, "--root", bundle.root.string + "-there"]
            cleanup.add { _ = try Command(runtime + ["delete", "--force", bundle.id]).run() }
            let restored = try Command(
                runtime + [
                    "restore", "--detach", "--lazy-pages", "--work-path", work.string, "--image-path", container.images.string, "--bundle",
                    there.string, bundle.id,
                ], timeout: .seconds(120)
            ).run()
            #expect(restored.status == 0, "\(restored.standardError)")
            container.wait(until: number + 3)
            #expect(try dump.wait(within: .seconds(120)) == 0, "\(String(decoding: dump.errors(), as: UTF8.self))")
            #expect(try bundle.runtime("state", bundle.id).status != 0)
        }
    }

    @Test(.needsWorkingCriu) func aRestoreInTheForegroundEndsWithItsContainer() async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start()
            #expect(try container.checkpoint().status == 0)
            let number = container.count
            let path = try #require(RuntimeUnderTest.path)
            let bundle = container.bundle
            let restore = try ChildProcess(
                Command([
                    path, "--root", bundle.root.string, "restore", "--image-path", container.images.string, "--bundle",
                    bundle.directory.string, bundle.id,
                ]))
            container.wait(until: number + 3)
            #expect(try bundle.runtime("kill", bundle.id, "KILL").status == 0)
            #expect(try restore.wait(within: .seconds(30)) == 137)
            #expect(try bundle.runtime("state", bundle.id).status != 0)
        }
    }
}
