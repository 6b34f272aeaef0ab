import ArgumentParser
import ContainerKit

/// `ck pull`.
struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Pull an image.")

    @Flag(name: .shortAndLong, help: "Print nothing but the digest.") var quiet = false
    @Argument var image: String

    mutating func run() async throws {
        let (image, quiet) = (image, quiet)
        try await EngineOptions.withEngine { engine in
            if quiet {
                print(try await engine.images.pull(image, policy: .always).digest)
            } else {
                let pulled = try await TransferDisplay.show { try await engine.images.pull(image, policy: .always, progress: $0) }
                print(pulled.digest)
            }
        }
    }
}

/// `ck images`.
struct Images: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List images.", aliases: ["ls"])

    @Flag(name: .shortAndLong, help: "Only names.") var quiet = false

    mutating func run() async throws {
        let images = try await EngineOptions.withEngine { try await $0.images.list() }
        if quiet {
            for image in images { print(image.reference.familiar) }
            return
        }
        var table = TextTable(["IMAGE", "ID", "LAYERS", "COMPRESSED"])
        for image in images {
            table.add([
                image.reference.familiar, String(image.id.hex.prefix(12)), "\(image.manifest.layers.count)", "\(image.compressedSize)",
            ])
        }
        table.print()
    }
}

/// `ck rmi`.
struct RemoveImages: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.", aliases: ["rm"])

    @Argument var images: [String]

    mutating func run() async throws {
        let images = images
        try await EngineOptions.withEngine { engine in
            for image in images {
                try await engine.images.remove(image)
                print(image)
            }
        }
    }
}

/// `ck import`.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take an image over from an OCI image layout on disk.")

    @Option(help: "The entry with this tag.") var tag: String?
    @Argument(help: "The layout's directory.") var layout: String
    @Argument(help: "The image's name here.") var name: String

    mutating func run() async throws {
        let (layout, tag, name) = (layout, tag, name)
        try await EngineOptions.withEngine { engine in
            let imported = try await TransferDisplay.show {
                try await engine.images.importLayout(FilePath(layout), tag: tag, as: name, progress: $0)
            }
            print(imported.digest)
        }
    }
}
