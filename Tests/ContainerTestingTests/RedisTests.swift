import ContainerTesting
import TestSupport
import Testing

/// Debian's Redis in a container without network, reached through a socket that was made inside.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .needsPrograms("redis-server"))
struct RedisTests {
    private static let service = ContainerService("local/redis:7", ready: .listening(on: 6379)) { configuration in
        configuration.command = ["redis-server", "--save", "", "--appendonly", "no"]
    }

    @Test(RedisImage(), .container(service, name: "redis")) func answers() async throws {
        let redis = try #require(Container.named("redis"))
        let connection = try await redis.connect(port: 6379)
        defer { connection.close() }
        func ask(_ words: String...) async throws -> String {
            try await connection.write("*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined())
            return String(decoding: try #require(try await connection.read()), as: UTF8.self)
        }
        #expect(try await ask("PING") == "+PONG\r\n")
        #expect(try await ask("SET", "greeting", "hello") == "+OK\r\n")
        #expect(try await ask("GET", "greeting") == "$5\r\nhello\r\n")
    }
}

/// Makes the image from the host's package before the trait of the container asks for it.
private struct RedisImage: TestTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        _ = TestRoot.path
        try await withCleanup { cleanup in
            let layout = try cleanup.directory("redis").appending("layout")
            try TestImage.redis().write(layout: layout)
            let configuration = TestContainers.configuration
            try await withContainerEngine({ $0 = configuration }) { engine in
                _ = try await engine.images.importLayout(layout, as: "local/redis:7")
            }
            try await function()
        }
    }
}
