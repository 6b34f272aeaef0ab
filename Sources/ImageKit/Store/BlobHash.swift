internal import Crypto
internal import OCIModel

/// The hash functions of digests.
enum BlobHash: Sendable {
    case sha256(SHA256)
    case sha512(SHA512)

    init(_ algorithm: OCIModel.Digest.Algorithm) {
        switch algorithm {
        case .sha256: self = .sha256(SHA256())
        case .sha512: self = .sha512(SHA512())
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            self = .sha256(hash)
        case .sha512(var hash):
            hash.update(bufferPointer: bytes)
            self = .sha512(hash)
        }
    }

    var digest: OCIModel.Digest? {
        switch self {
        case .sha256(let hash): OCIModel.Digest(.sha256, bytes: Array(hash.finalize()))
        case .sha512(let hash): OCIModel.Digest(.sha512, bytes: Array(hash.finalize()))
        }
    }

    static func sha256(of bytes: [UInt8]) -> OCIModel.Digest? { OCIModel.Digest(.sha256, bytes: Array(SHA256.hash(data: bytes))) }

    /// With the algorithm of `digest`.
    static func matches(_ bytes: [UInt8], _ digest: OCIModel.Digest) -> Bool {
        var hash = BlobHash(digest.algorithm)
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.digest == digest
    }
}
