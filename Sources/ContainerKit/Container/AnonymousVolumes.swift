internal import BundleKit
internal import RuntimeChild
internal import SystemPackage

/// What an image declares as volumes: for each a directory beside the container's upper one, which is mounted there and goes with the
/// container. The child fills it at the first start with what the image has at that place. See: image-spec 1.1, config.md, "Volumes".
struct AnonymousVolumes {
    private var volumes: [(destination: String, directory: FilePath)] = []
    private let folder: FilePath

    /// Where the user mounts something there is none.
    /// - Throws: `.configurationRefused` for a path that is none, or that the kernel's file systems are at.
    init(_ paths: [String], of configuration: ContainerConfiguration, in container: FilePath) throws(ContainerError) {
        folder = container.appending("volumes")
        if paths.isEmpty { return }
        var taken = Set(configuration.mounts.map { Self.normal($0.mount.destination) })
        for path in paths {
            let parts = path.split(separator: "/").filter { $0 != "." }
            guard path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !path.utf8.contains(0),
                !["proc", "sys", "dev"].contains(parts[0])
            else {
                throw ContainerError(
                    .configurationRefused, .option("volumes"),
                    "the image declares the volume \(path.debugDescription), which cannot be one",
                    advice: "Mount something there yourself, or use another image.")
            }
            let destination = Self.normal(path)
            guard taken.insert(destination).inserted else { continue }
            volumes.append((destination, folder.appending(String(volumes.count))))
        }
    }

    var mounts: [BundleMount] { volumes.map { .bind(source: $0.directory, destination: $0.destination) } }
    var destinations: Set<String> { Set(volumes.map(\.destination)) }

    /// Blocks.
    func make() throws(ContainerError) {
        if volumes.isEmpty { return }
        try EngineDirectories.make(folder)
        for volume in volumes { try EngineDirectories.make(volume.directory, mode: VolumeFill.unfilled) }
    }

    private static func normal(_ path: String) -> String { "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/") }
}
