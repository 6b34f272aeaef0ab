internal import BundleKit
internal import Synchronization
internal import SystemPackage

/// Users that were looked up in images, which do not change.
final class UserCache: Sendable {
    private struct Key: Hashable {
        var layers: [FilePath]
        var user: String
        var groups: [String]
    }
    private let known = Mutex<[Key: ResolvedUser]>([:])
    private static let limit = 256

    /// Blocks the first time.
    func user(_ name: String, groups: [String], in image: PreparedImage) throws(BundleError) -> ResolvedUser {
        let key = Key(layers: image.lowerDirectories, user: name, groups: groups)
        if image.isImmutable, let user = known.withLock({ $0[key] }) { return user }
        let user = try ResolvedUser.resolve(name, groups: groups, in: image.lowerDirectories)
        if image.isImmutable {
            known.withLock { known in
                if known.count >= Self.limit { known.removeAll() }
                known[key] = user
            }
        }
        return user
    }
}
