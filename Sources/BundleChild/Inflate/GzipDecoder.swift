internal import CISAL

/// Members of a gzip file (RFC 1952) around ISA-L's inflate, which alone stops after the first member and calls a stream that is cut
/// inside one a success.
@safe final class GzipDecoder: LayerDecoder {
    private enum State {
        case header
        case data
        case done
    }

    private let inflater: UnsafeMutablePointer<inflate_state>
    private var state = State.header
    private var members = 0
    private var checksum: UInt32 = 0
    private var length: UInt32 = 0

    init() {
        unsafe inflater = .allocate(capacity: 1)
        unsafe inflater.initialize(to: inflate_state())
    }

    deinit { unsafe inflater.deallocate() }

    /// Inflates into `output`; 0 at the end of the last member.
    func read(from blob: BlobReader, into output: UnsafeMutableRawBufferPointer) throws(UnpackFailure) -> Int {
        while true {
            switch state {
            case .done: return 0
            case .header:
                guard try beginMember(blob) else {
                    state = .done
                    return 0
                }
                unsafe isal_inflate_init(inflater)
                checksum = 0
                length = 0
                state = .data
            case .data:
                let count = unsafe try inflate(blob, output)
                if count > 0 { return count }
            }
        }
    }

    private func inflate(_ blob: BlobReader, _ output: UnsafeMutableRawBufferPointer) throws(UnpackFailure) -> Int {
        try blob.fill()
        let input = unsafe blob.available
        // ISA-L only reads from next_in, whatever its type says.
        unsafe inflater.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe inflater.pointee.avail_in = UInt32(input.count)
        unsafe inflater.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe inflater.pointee.avail_out = UInt32(output.count)
        let result = unsafe isal_inflate(inflater)
        guard result >= 0 else { throw UnpackFailure(.damagedStream) }
        let produced = unsafe output.count - Int(inflater.pointee.avail_out)
        let used = unsafe input.count - Int(inflater.pointee.avail_in)
        blob.consume(used)
        checksum = unsafe crc32_gzip_refl(checksum, output.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(produced))
        length &+= UInt32(truncatingIfNeeded: produced)
        if unsafe inflater.pointee.block_state == ISAL_BLOCK_FINISH {
            try endMember(blob)
        } else if produced == 0 && used == 0 {
            // No way forward: the input ended inside the member.
            throw UnpackFailure(.truncatedStream)
        }
        return produced
    }

    /// The trailer. ISA-L holds up to eight bytes of it in its bit buffer.
    private func endMember(_ blob: BlobReader) throws(UnpackFailure) {
        var bits = unsafe inflater.pointee.read_in
        var left = unsafe Int(inflater.pointee.read_in_length)
        bits >>= UInt64(left % 8)
        left -= left % 8
        var trailer: [UInt8] = []
        while trailer.count < 8 {
            if left > 0 {
                trailer.append(UInt8(truncatingIfNeeded: bits))
                bits >>= 8
                left -= 8
            } else {
                trailer.append(try blob.byte())
            }
        }
        func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(trailer[offset + $1]) << UInt32(8 * $1) } }
        guard left == 0, word(0) == checksum, word(4) == length else { throw UnpackFailure(.damagedStream) }
        members += 1
        state = .header
    }

    /// Reads a member's header. False at the end of the blob; zeros up to the end are padding.
    private func beginMember(_ blob: BlobReader) throws(UnpackFailure) -> Bool {
        try blob.fill(atLeast: 2)
        if unsafe blob.available.isEmpty {
            if members == 0 { throw UnpackFailure(.truncatedStream) }
            return false
        }
        if members > 0, unsafe blob.available[0] == 0 {
            while true {
                try blob.fill()
                let rest = unsafe blob.available
                if unsafe rest.isEmpty { return false }
                guard unsafe rest.allSatisfy({ $0 == 0 }) else { throw UnpackFailure(.trailingGarbage) }
                blob.consume(rest.count)
            }
        }
        guard try blob.byte() == 0x1f, try blob.byte() == 0x8b else {
            throw UnpackFailure(members == 0 ? .wrongCompression : .trailingGarbage)
        }
        guard try blob.byte() == 8 else { throw UnpackFailure(.damagedStream) }
        let flags = try blob.byte()
        guard flags & 0xe0 == 0 else { throw UnpackFailure(.damagedStream) }
        for _ in 0..<6 { _ = try blob.byte() }
        if flags & 4 != 0 {
            let count = Int(try blob.byte()) | Int(try blob.byte()) << 8
            for _ in 0..<count { _ = try blob.byte() }
        }
        // Name and comment are of any length in the format; nobody writes a megabyte.
        for flag in [UInt8(8), 16] where flags & flag != 0 {
            var count = 0
            while try blob.byte() != 0 {
                count += 1
                if count > 65536 { throw UnpackFailure(.damagedStream) }
            }
        }
        if flags & 2 != 0 { for _ in 0..<2 { _ = try blob.byte() } }
        return true
    }
}
