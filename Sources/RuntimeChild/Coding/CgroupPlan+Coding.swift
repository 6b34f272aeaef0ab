internal import LinuxSystem

extension CgroupPlan {
    func encode(_ writer: inout FrameWriter) {
        writer.append(directories) { writer, directory in
            writer.append(directory.path)
            writer.append(directory.isUnified)
            writer.append(directory.writes) { writer, write in
                writer.append(write.file)
                writer.append(write.value)
                writer.append(write.field)
                writer.append(write.isOptional)
            }
            writer.append(directory.deviceProgram)
        }
    }

    init(from reader: inout FrameReader) throws(FrameError) {
        self.init(
            directories: try reader.readArray { reader throws(FrameError) in
                let path = try reader.readString()
                let isUnified = try reader.readBool()
                let writes = try reader.readArray { reader throws(FrameError) in
                    Write(
                        file: try reader.readString(), value: try reader.readString(), field: try reader.readString(),
                        isOptional: try reader.readBool())
                }
                let program = try reader.readBytes()
                guard program.count % 8 == 0 else { throw .invalidValue }
                return Directory(path: path, isUnified: isUnified, writes: writes, deviceProgram: program)
            })
    }
}
