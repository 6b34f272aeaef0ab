internal import LinuxSystem

/// How the output of a container's first process is kept.
package struct LogPlan: Sendable, Hashable {
    package enum Form: UInt8, Sendable {
        /// The container writes into the file itself (`StreamPlan.file`); the shim bounds it by punching holes at its beginning.
        case file = 0
        /// A fork of the shim reads the streams and writes Docker's json-file form.
        case json = 1
        /// The same in the form of the Kubernetes Container Runtime Interface.
        case cri = 2
    }

    package var form: Form
    /// On the host.
    package var path: String
    /// Of `file`: bytes that are kept. Else: bytes at which a new file begins.
    package var size: UInt64
    /// Files that are kept, the one that is written to included.
    package var count: UInt32

    package init(form: Form, path: String, size: UInt64, count: UInt32) {
        self.form = form
        self.path = path
        self.size = size
        self.count = count
    }

    func encode(_ writer: inout FrameWriter) {
        writer.append(form.rawValue)
        writer.append(path)
        writer.append(size)
        writer.append(count)
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        guard let form = Form(rawValue: try reader.read()) else { throw .invalidValue }
        self.init(form: form, path: try reader.readString(), size: try reader.read(), count: try reader.read())
    }
}

/// Whether a shim starts its container again when that has ended.
package struct RestartPlan: Sendable, Hashable {
    /// Also after exit code 0.
    package var always: Bool
    /// Starts besides the first; 0 is no limit.
    package var limit: UInt32

    package init(always: Bool, limit: UInt32) {
        self.always = always
        self.limit = limit
    }
}
