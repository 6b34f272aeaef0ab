internal import LinuxSystem

extension NamespacePlan {
    func encode(_ writer: inout FrameWriter) {
        writer.append(new)
        writer.append(newCgroup)
        writer.append(joined) { writer, joined in
            writer.append(joined.type)
            writer.append(joined.path)
        }
        for mappings in [userMappings, groupMappings] { Self.encode(mappings, &writer) }
        for offset in [monotonicOffset, boottimeOffset] {
            writer.append(offset != nil)
            guard let offset else { continue }
            writer.append(offset.seconds)
            writer.append(offset.nanoseconds)
        }
    }

    init(from reader: inout FrameReader) throws(FrameError) {
        self.init()
        new = try reader.read()
        newCgroup = try reader.readBool()
        joined = try reader.readArray { reader throws(FrameError) in
            Joined(type: try reader.read(), path: try reader.readString())
        }
        userMappings = try Self.mappings(&reader)
        groupMappings = try Self.mappings(&reader)
        monotonicOffset = try Self.offset(&reader)
        boottimeOffset = try Self.offset(&reader)
    }

    static func encode(_ mappings: [IDMapping], _ writer: inout FrameWriter) {
        writer.append(mappings) { writer, mapping in
            writer.append(mapping.container)
            writer.append(mapping.host)
            writer.append(mapping.size)
        }
    }

    static func mappings(_ reader: inout FrameReader) throws(FrameError) -> [IDMapping] {
        try reader.readArray { reader throws(FrameError) in
            IDMapping(container: try reader.read(), host: try reader.read(), size: try reader.read())
        }
    }

    private static func offset(_ reader: inout FrameReader) throws(FrameError) -> TimeOffset? {
        guard try reader.readBool() else { return nil }
        return TimeOffset(seconds: try reader.read(), nanoseconds: try reader.read())
    }
}
