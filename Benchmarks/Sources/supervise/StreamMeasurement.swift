import ContainerKit
import Foundation
import SystemPackage

/// The speed at which a reader that looks at every byte gets what a program writes as fast as it can.
struct StreamMeasurement {
    let engine: ContainerEngine
    let image: Image
    let block: FilePath

    private static let script = "read line; while :; do cat /block; done"

    /// - Returns: MiB a second.
    func measure(_ form: String, bytes: Int) async throws -> Double {
        form == "pipe" ? try Self.pipe(block, bytes) : try await container(form, bytes)
    }

    private func container(_ form: String, _ bytes: Int) async throws -> Double {
        try await engine.withContainer(image) {
            $0.command = ["sh", "-c", Self.script]
            $0.mounts = [.bind(block, to: "/block", readOnly: true)]
            $0.standardInput = .stream
        } operation: { container in
            var hash = WordHash()
            var count = 0
            let begun = ContinuousClock.now
            try await container.standardInput?.write("\n")
            if form == "lines" {
                for try await var line in container.standardOutput.lines {
                    line.withUTF8 {
                        hash.update(UnsafeRawBufferPointer($0))
                        count += $0.count + 1
                    }
                    if count >= bytes { break }
                }
            } else {
                for try await chunk in container.standardOutput {
                    chunk.withUnsafeBytes { hash.update($0) }
                    count += chunk.count
                    if count >= bytes { break }
                }
            }
            return Self.speed(count, since: begun, hash)
        }
    }

    /// The same writer on the host and read(2) in a loop.
    private static func pipe(_ block: FilePath, _ bytes: Int) throws -> Double {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw BenchmarkError("there is no pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        for end in ends { posix_spawn_file_actions_addclose(&actions, end) }
        let script = "while :; do /bin/busybox cat \(block); done"
        var words: [UnsafeMutablePointer<CChar>?] = [strdup("busybox"), strdup("sh"), strdup("-c"), strdup(script), nil]
        defer { for word in words { free(word) } }
        var writer: pid_t = 0
        let error = posix_spawn(&writer, "/bin/busybox", &actions, nil, &words, environ)
        close(ends[1])
        defer {
            close(ends[0])
            kill(writer, SIGKILL)
            waitpid(writer, nil, 0)
        }
        guard error == 0 else { throw BenchmarkError("the writer does not start") }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        var hash = WordHash()
        var count = 0
        let begun = ContinuousClock.now
        while count < bytes {
            let read = Glibc.read(ends[0], &buffer, buffer.count)
            guard read > 0 else { throw BenchmarkError("the writer ended") }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<read])) }
            count += read
        }
        return speed(count, since: begun, hash)
    }

    private static func speed(_ bytes: Int, since begun: ContinuousClock.Instant, _ hash: WordHash) -> Double {
        let time = ContinuousClock.now - begun
        // So that the compiler cannot leave it out.
        if hash.value == 0 { FileHandle.standardError.write(Data("a hash of 0\n".utf8)) }
        return Double(bytes) / 1_048_576 / (time / .seconds(1))
    }
}

/// A cheap hash over words: it reads every byte and costs less than moving it.
struct WordHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var hash = value
        var offset = 0
        while offset + 8 <= bytes.count {
            hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01b3
            offset += 8
        }
        while offset < bytes.count {
            hash = (hash ^ UInt64(bytes[offset])) &* 0x100_0000_01b3
            offset += 1
        }
        value = hash
    }
}
