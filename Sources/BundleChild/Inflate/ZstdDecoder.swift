internal import CZstd

/// Frames of zstd (RFC 8878), skippable ones too, with a bounded window.
@safe final class ZstdDecoder: LayerDecoder {
    private let context: OpaquePointer
    private var insideFrame = false
    private var frames = 0

    init(windowLog: UInt32) throws(UnpackFailure) {
        guard let context = unsafe ZSTD_createDCtx() else { throw UnpackFailure(.outOfMemory) }
        unsafe self.context = context
        let result = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, CInt(clamping: windowLog))
        guard ZSTD_isError(result) == 0 else { throw UnpackFailure(.badRequest) }
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// Decodes into `output`; 0 at the end of the last frame.
    func read(from blob: BlobReader, into output: UnsafeMutableRawBufferPointer) throws(UnpackFailure) -> Int {
        while true {
            try blob.fill(atLeast: insideFrame ? 1 : 4)
            let input = unsafe blob.available
            if !insideFrame {
                if unsafe input.isEmpty {
                    if frames == 0 { throw UnpackFailure(.truncatedStream) }
                    return 0
                }
                guard unsafe Self.beginsFrame(input) else {
                    throw UnpackFailure(frames == 0 ? .wrongCompression : .trailingGarbage)
                }
            }
            var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let result = unsafe ZSTD_decompressStream(context, &target, &source)
            if ZSTD_isError(result) != 0 {
                // A window above the limit has a code of its own; the names of the codes are in a header that is not stable.
                let message = unsafe String(cString: ZSTD_getErrorName(result))
                throw UnpackFailure(message.contains("too much memory") ? .windowTooLarge : .damagedStream)
            }
            blob.consume(unsafe source.pos)
            insideFrame = result != 0
            if !insideFrame { frames += 1 }
            let produced = unsafe target.pos
            if produced > 0 { return produced }
            if unsafe source.pos == 0 && insideFrame {
                // Neither input nor output moved: the frame is cut.
                throw UnpackFailure(.truncatedStream)
            }
        }
    }

    /// The magic number of a frame, or of a skippable one.
    private static func beginsFrame(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 4 else { return false }
        let magic = (0..<4).reduce(UInt32(0)) { unsafe $0 | UInt32(bytes[$1]) << UInt32(8 * $1) }
        return magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50
    }
}
