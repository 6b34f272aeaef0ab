internal import LinuxSystem

extension TreePlan {
    func encode(_ writer: inout FrameWriter) {
        switch self {
        case .overlay(let lower, let upper, let work, let options, let attributes):
            writer.append(UInt8(0))
            writer.append(lower) { writer, path in writer.append(path) }
            writer.append(upper)
            writer.append(work)
            writer.append(options) { writer, option in option.encode(&writer) }
            writer.append(attributes)
        case .bind(let source, let recursive, let set, let clear, let attributesRecursive, let propagation, let field):
            writer.append(UInt8(1))
            writer.append(source)
            writer.append(recursive)
            writer.append(set)
            writer.append(clear)
            writer.append(attributesRecursive)
            writer.append(propagation)
            writer.append(field)
        case .fileSystem(let type, let source, let options, let attributes):
            writer.append(UInt8(2))
            writer.append(type)
            writer.append(source)
            writer.append(options) { writer, option in option.encode(&writer) }
            writer.append(attributes)
        }
    }

    init(from reader: inout FrameReader) throws(FrameError) {
        switch try reader.read(UInt8.self) {
        case 0:
            self = .overlay(
                lower: try reader.readArray { reader throws(FrameError) in try reader.readString() },
                upper: try reader.readOptionalString(), work: try reader.readOptionalString(),
                options: try MountOption.list(&reader), attributes: try reader.read())
        case 1:
            self = .bind(
                source: try reader.readString(), recursive: try reader.readBool(), set: try reader.read(),
                clear: try reader.read(), attributesRecursive: try reader.readBool(), propagation: try reader.read(),
                field: try reader.readString())
        case 2:
            self = .fileSystem(
                type: try reader.readString(), source: try reader.readString(), options: try MountOption.list(&reader),
                attributes: try reader.read())
        default: throw .invalidValue
        }
    }
}

extension MountOption {
    func encode(_ writer: inout FrameWriter) {
        writer.append(key)
        writer.append(value)
    }

    static func list(_ reader: inout FrameReader) throws(FrameError) -> [MountOption] {
        try reader.readArray { reader throws(FrameError) in
            MountOption(try reader.readString(), try reader.readOptionalString())
        }
    }
}
