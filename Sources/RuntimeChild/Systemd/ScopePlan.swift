package import LinuxSystem

/// A systemd scope that a process goes into. See: man 5 systemd.scope.
package struct ScopePlan: Sendable, Hashable {
    /// Its unit, `….scope`.
    package var unit: String
    /// The slice that it lies in, `….slice`.
    package var slice: String
    /// For those who list units.
    package var description: String
    /// How long systemd waits between SIGTERM and SIGKILL when it stops the scope.
    package var stopMicroseconds: UInt64
    /// Its directory, where containers lie in it: cgroup v2 only.
    package var directory: String
    /// Controllers that it hands down to them.
    package var controllers: [String]

    package init(unit: String, slice: String, description: String) {
        self.unit = unit
        self.slice = slice
        self.description = description
        stopMicroseconds = 10_000_000
        directory = ""
        controllers = []
    }

    package func encode(_ writer: inout FrameWriter) {
        for text in [unit, slice, description] { writer.append(text) }
        writer.append(stopMicroseconds)
        writer.append(directory)
        writer.append(controllers) { $0.append($1) }
    }

    package init(_ reader: inout FrameReader) throws(FrameError) {
        unit = try reader.readString()
        slice = try reader.readString()
        description = try reader.readString()
        stopMicroseconds = try reader.read()
        directory = try reader.readString()
        controllers = try reader.readArray { (reader) throws(FrameError) in try reader.readString() }
    }
}
