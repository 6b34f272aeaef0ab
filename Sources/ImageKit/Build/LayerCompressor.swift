internal import CISAL
internal import CZstd
internal import OCIModel

/// How layers are stored.
public enum LayerCompression: Sendable, Hashable {
    /// gzip, by ISA-L: what every engine reads. The bytes depend on the version of ISA-L and the kind of processor.
    case gzip
    /// zstd, level 3: smaller and faster. The bytes depend on the version of libzstd only.
    case zstd
    /// As they are.
    case none

    var mediaType: MediaType {
        switch self {
        case .gzip: .layerGzip
        case .zstd: .layerZstd
        case .none: .layer
        }
    }
}

/// A stream of bytes, compressed. One task uses it.
final class LayerCompressor {
    private enum State {
        case gzip(UnsafeMutablePointer<isal_zstream>, level: UnsafeMutablePointer<UInt8>)
        case zstd(OpaquePointer)
        case none
    }
    private let state: State
    private static let levelBuffer = 282_624  // ISAL_DEF_LVL1_LARGE

    /// - Returns: nil when there is no memory for it.
    init?(_ compression: LayerCompression) {
        switch compression {
        case .gzip:
            let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
            let level = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.levelBuffer)
            isal_deflate_init(stream)
            stream.pointee.level = 1
            stream.pointee.level_buf = level
            stream.pointee.level_buf_size = UInt32(Self.levelBuffer)
            // A header without a name and a time.
            stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
            state = .gzip(stream, level: level)
        case .zstd:
            guard let context = ZSTD_createCCtx() else { return nil }
            ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3)
            ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
            state = .zstd(context)
        case .none: state = .none
        }
    }

    deinit {
        switch state {
        case .gzip(let stream, let level):
            stream.deallocate()
            level.deallocate()
        case .zstd(let context): ZSTD_freeCCtx(context)
        case .none: break
        }
    }

    /// Compresses some bytes; with the last ones, everything that was kept back.
    /// - Returns: nil when the library failed.
    func compress(_ bytes: [UInt8], isLast: Bool) -> [UInt8]? {
        switch state {
        case .none: return bytes
        case .gzip(let stream, _):
            var input = bytes
            var result: [UInt8] = []
            var output = [UInt8](repeating: 0, count: 1 << 16)
            return input.withUnsafeMutableBufferPointer { input -> [UInt8]? in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.end_of_stream = isLast ? 1 : 0
                while true {
                    let size = UInt32(output.count)
                    let code = output.withUnsafeMutableBufferPointer { output in
                        stream.pointee.next_out = output.baseAddress
                        stream.pointee.avail_out = size
                        return isal_deflate(stream)
                    }
                    guard code == COMP_OK else { return nil }
                    result += output.prefix(Int(size - stream.pointee.avail_out))
                    if stream.pointee.avail_out > 0 { return result }
                }
            }
        case .zstd(let context):
            var result: [UInt8] = []
            var output = [UInt8](repeating: 0, count: 1 << 17)
            return bytes.withUnsafeBytes { bytes -> [UInt8]? in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
                while true {
                    var written = 0
                    let left = output.withUnsafeMutableBytes { output in
                        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                        let left = ZSTD_compressStream2(context, &target, &source, isLast ? ZSTD_e_end : ZSTD_e_continue)
                        written = target.pos
                        return left
                    }
                    if ZSTD_isError(left) != 0 { return nil }
                    result += output.prefix(written)
                    if isLast ? left == 0 : source.pos == source.size { return result }
                }
            }
        }
    }
}
