import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// A profile is compiled once, whoever asks, and a damaged or foreign file is as good as none.
@Suite struct SeccompCacheTests {
    static let profile = SeccompFilterTests.docker

    @Test func aProfileIsCompiledOnceForAllWhoAskAtOnce() async throws {
        let cache = SeccompCache(directory: nil)
        let programs = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 { group.addTask { try cache.program(for: Self.profile) } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(programs.count == 1)
        #expect(cache.compilations == 1)
    }

    @Test func anotherProfileIsAnotherProgram() throws {
        let cache = SeccompCache(directory: nil)
        var other = Self.profile
        other.defaultErrnoRet = 13
        #expect(try cache.program(for: Self.profile) != cache.program(for: other))
        #expect(cache.compilations == 2)
    }

    @Test func anotherProcessFindsItOnDisk() async throws {
        try await TestDirectory.with { directory in
            let place = directory.appending("cache").appending("seccomp")
            let first = SeccompCache(directory: place)
            let program = try first.program(for: Self.profile)
            let second = SeccompCache(directory: place)
            #expect(try second.program(for: Self.profile) == program)
            #expect(second.compilations == 0)
            #expect(Files.names(in: place)?.count == 1, "no temporary file stays")
        }
    }

    @Test func aDamagedFileIsCompiledAgain() async throws {
        try await TestDirectory.with { directory in
            let program = try SeccompCache(directory: directory).program(for: Self.profile)
            let file = directory.appending(try #require(Files.names(in: directory)?.first))
            let whole = try Files.read(file)
            for damaged in [
                Array(whole.dropLast(9)), [], whole.enumerated().map { $0.offset == whole.count - 100 ? ~$0.element : $0.element },
            ] {
                try Files.write(damaged, to: file)
                let cache = SeccompCache(directory: directory)
                #expect(try cache.program(for: Self.profile) == program)
                #expect(cache.compilations == 1)
            }
        }
    }

    @Test func aFileThatOthersMayWriteIsNotRead() async throws {
        try await TestDirectory.with { directory in
            _ = try SeccompCache(directory: directory).program(for: Self.profile)
            let file = directory.appending(try #require(Files.names(in: directory)?.first))
            #expect(chmod(file.string, 0o666) == 0)
            let cache = SeccompCache(directory: directory)
            _ = try cache.program(for: Self.profile)
            #expect(cache.compilations == 1)
        }
    }

    @Test func aPlaceThatCannotBeWrittenCostsOnlyTime() throws {
        let cache = SeccompCache(directory: "/proc/nowhere/seccomp")
        #expect(try !cache.program(for: Self.profile).isEmpty)
    }
}
