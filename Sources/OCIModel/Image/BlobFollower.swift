public import SystemPackage

/// Follows the blobs of one pull while they arrive, so that layers are unpacked from bytes that are still on their way.
///
/// Each blob has one *frontier*: all bytes before it lie in the blob's file, in their final form. Whoever downloads writes to the file, in
/// any order, and moves the frontier; whoever follows reads up to it. Calls come from any thread, those for one blob in order, and do not
/// block.
public protocol BlobFollower: Sendable {
    /// What the image consists of, before any layer is asked for. The configuration is verified already.
    func resolved(_ manifest: ImageManifest, _ configuration: ImageConfiguration)

    /// A download begins, or goes on, with its frontier at 0.
    /// - Parameters:
    ///   - blob: its digest.
    ///   - file: where the bytes are; open for reading, and valid during the call only: a follower opens it anew.
    func began(_ blob: Digest, file: FileDescriptor)

    /// All bytes before `offset` are in the file.
    func advanced(_ blob: Digest, to offset: Int64)

    /// Size and digest hold, and the blob is in the store; also when it was there before.
    func verified(_ blob: Digest)

    /// The download ended badly: what lies in its file is void. It may begin once more.
    func failed(_ blob: Digest)

    /// Waits until what is made of the blobs lies in the file system, so that one flush of it is enough for both. All blobs are verified.
    /// - Throws: `CancellationError`.
    func settled() async throws

    /// The pull has flushed what it had to.
    /// - Parameter fileSystem: the device number of what was flushed, all of it; nil when nothing had to be.
    func flushed(_ fileSystem: UInt64?)

    /// Waits while more bytes are ahead of all frontiers' readers than the process may have on their way.
    /// - Throws: `CancellationError`.
    func room() async throws
}

extension BlobFollower {
    /// Nothing is made of the blobs.
    public func settled() async throws {}
    /// It does not matter.
    public func flushed(_ fileSystem: UInt64?) {}
}
