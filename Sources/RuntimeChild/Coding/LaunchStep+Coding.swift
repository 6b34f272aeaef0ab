internal import LinuxSystem

extension LaunchStep {
    func encode(_ writer: inout FrameWriter) {
        switch self {
        case .setPropagation(let flags):
            writer.append(UInt8(0))
            writer.append(flags)
        case .attachRoot(let tree):
            writer.append(UInt8(1))
            writer.append(tree)
        case .attach(let tree, let target):
            writer.append(UInt8(2))
            writer.append(tree)
            writer.append(target)
        case .mount(let type, let source, let target, let options, let attributes):
            writer.append(UInt8(3))
            writer.append(type)
            writer.append(source)
            writer.append(target)
            writer.append(options) { writer, option in option.encode(&writer) }
            writer.append(attributes)
        case .setAttributes(let target, let set, let clear, let recursive):
            writer.append(UInt8(4))
            writer.append(target)
            writer.append(set)
            writer.append(clear)
            writer.append(recursive)
        case .setTargetPropagation(let target, let flags):
            writer.append(UInt8(5))
            writer.append(target)
            writer.append(flags)
        case .makeDirectory(let path, let mode):
            writer.append(UInt8(6))
            writer.append(path)
            writer.append(mode)
        case .makeDevice(let path, let type, let major, let minor, let mode, let uid, let gid):
            writer.append(UInt8(7))
            writer.append(path)
            writer.append(type.rawValue)
            for number in [major, minor, mode, uid, gid] { writer.append(number) }
        case .symlink(let target, let path):
            writer.append(UInt8(8))
            writer.append(target)
            writer.append(path)
        case .maskPaths(let paths):
            writer.append(UInt8(9))
            writer.append(paths) { writer, path in writer.append(path) }
        case .makeReadOnly(let paths):
            writer.append(UInt8(10))
            writer.append(paths) { writer, path in writer.append(path) }
        case .bindConsole: writer.append(UInt8(11))
        case .pivotRoot: writer.append(UInt8(12))
        case .setHostname(let name):
            writer.append(UInt8(13))
            writer.append(name)
        case .setDomainname(let name):
            writer.append(UInt8(14))
            writer.append(name)
        case .setSysctl(let name, let value):
            writer.append(UInt8(15))
            writer.append(name)
            writer.append(value)
        case .raiseLoopback: writer.append(UInt8(16))
        case .copyUp(let tree, let target, let isWhole):
            writer.append(UInt8(17))
            writer.append(tree)
            writer.append(target)
            writer.append(isWhole)
        }
    }

    init(from reader: inout FrameReader) throws(FrameError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .setPropagation(try reader.read())
        case 1: self = .attachRoot(tree: try reader.read())
        case 2: self = .attach(tree: try reader.read(), target: try reader.readString())
        case 3:
            self = .mount(
                type: try reader.readString(), source: try reader.readString(), target: try reader.readString(),
                options: try MountOption.list(&reader), attributes: try reader.read())
        case 4:
            self = .setAttributes(
                target: try reader.readString(), set: try reader.read(), clear: try reader.read(),
                recursive: try reader.readBool())
        case 5: self = .setTargetPropagation(target: try reader.readString(), flags: try reader.read())
        case 6: self = .makeDirectory(path: try reader.readString(), mode: try reader.read())
        case 7: self = try Self.device(&reader)
        case 8: self = .symlink(target: try reader.readString(), path: try reader.readString())
        case 9: self = .maskPaths(try reader.readArray { reader throws(FrameError) in try reader.readString() })
        case 10: self = .makeReadOnly(try reader.readArray { reader throws(FrameError) in try reader.readString() })
        case 11: self = .bindConsole
        case 12: self = .pivotRoot
        case 13: self = .setHostname(try reader.readString())
        case 14: self = .setDomainname(try reader.readString())
        case 15: self = .setSysctl(name: try reader.readString(), value: try reader.readString())
        case 16: self = .raiseLoopback
        case 17: self = .copyUp(tree: try reader.read(), target: try reader.readString(), isWhole: try reader.readBool())
        default: throw .invalidValue
        }
    }

    private static func device(_ reader: inout FrameReader) throws(FrameError) -> LaunchStep {
        let path = try reader.readString()
        guard let type = DeviceType(rawValue: try reader.read()) else { throw .invalidValue }
        return .makeDevice(
            path: path, type: type, major: try reader.read(), minor: try reader.read(), mode: try reader.read(),
            uid: try reader.read(), gid: try reader.read())
    }
}
