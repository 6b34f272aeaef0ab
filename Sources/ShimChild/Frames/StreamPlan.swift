internal import LinuxSystem

/// Where one standard stream of a process goes.
package enum StreamPlan: Sendable, Hashable {
    /// /dev/null.
    case null
    /// A pipe whose other end the shim holds and hands over.
    case pipe
    /// A descriptor that came with the request, by position among the stream descriptors.
    case descriptor(UInt8)
    /// An append-only file on the host, made when missing (0600).
    case file(String)
    /// Standard error only: wherever standard output goes.
    case sameAsOutput

    func encode(_ writer: inout FrameWriter) {
        switch self {
        case .null: writer.append(UInt8(0))
        case .pipe: writer.append(UInt8(1))
        case .descriptor(let index):
            writer.append(UInt8(2))
            writer.append(index)
        case .file(let path):
            writer.append(UInt8(3))
            writer.append(path)
        case .sameAsOutput: writer.append(UInt8(4))
        }
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .null
        case 1: self = .pipe
        case 2: self = .descriptor(try reader.read())
        case 3: self = .file(try reader.readString())
        case 4: self = .sameAsOutput
        default: throw .invalidValue
        }
    }
}

/// The three standard streams of a process. With a terminal all three are the pty, and these are not looked at.
package struct StreamPlans: Sendable, Hashable {
    package var input: StreamPlan
    package var output: StreamPlan
    package var error: StreamPlan

    package init(input: StreamPlan = .null, output: StreamPlan = .null, error: StreamPlan = .null) {
        self.input = input
        self.output = output
        self.error = error
    }

    func encode(_ writer: inout FrameWriter) {
        input.encode(&writer)
        output.encode(&writer)
        error.encode(&writer)
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        input = try StreamPlan(&reader)
        output = try StreamPlan(&reader)
        error = try StreamPlan(&reader)
    }
}
