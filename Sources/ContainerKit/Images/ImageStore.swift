internal import BundleKit
internal import ImageKit
internal import NIOPosix
internal import OCIModel
internal import SpawnKit
internal import SystemPackage

/// Content, layers and names of images: where ImageKit and BundleKit meet.
final class ImageStore: Sendable {
    init(
        _ configuration: EngineConfiguration, _ directories: EngineDirectories, spawner: Spawner, threads: NIOThreadPool
    ) async throws(ContainerError) {}

    func prepare(_ source: ContainerSource) async throws(ContainerError) -> PreparedImage {
        switch source.kind {
        case .directory(let path):
            return PreparedImage(
                name: path.string, defaults: ImageDefaults(), lowerDirectories: [path], keys: [], isImmutable: false)
        default: throw ContainerError(.imageUnavailable, .engine, "later")
        }
    }

    func shutdown() async {}
}
public struct Image: Sendable, Hashable {}
