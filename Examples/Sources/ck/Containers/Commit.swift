import ArgumentParser
import ContainerKit

/// `ck commit`.
struct Commit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Make an image of a container and what it has changed.")

    @Option(name: .shortAndLong, help: "Who made it.") var author: String?
    @Argument var container: String
    @Argument(help: "The new image's name.") var image: String

    mutating func run() async throws {
        let (author, name, image) = (author, container, image)
        try await EngineOptions.withEngine { engine in
            let container = try await Find.container(name, engine)
            defer { container.detach() }
            let made = try await container.commit(as: image) { if let author { $0.author = author } }
            print(made.digest)
        }
    }
}
