internal import LinuxSystem

/// What came after the first version of the frames. A plan that has nothing of it is written as before, so that an older shim
/// still reads it.
extension ProcessPlan {
    var hasExtension: Bool { memoryPolicy != nil || listener != nil || keepsGroups }

    func encodeExtension(_ writer: inout FrameWriter) {
        writer.append(memoryPolicy != nil)
        if let memoryPolicy {
            writer.append(memoryPolicy.mode)
            writer.append(memoryPolicy.nodes)
        }
        writer.append(listener != nil)
        if let listener {
            writer.append(listener.path)
            writer.append(listener.state) { writer, part in writer.append(part) }
        }
        writer.append(keepsGroups)
    }

    mutating func decodeExtension(_ reader: inout FrameReader) throws(FrameError) {
        if try reader.readBool() {
            memoryPolicy = MemoryPolicyPlan(mode: try reader.read(), nodes: try reader.readOptionalString())
        }
        if try reader.readBool() {
            listener = SeccompListenerPlan(
                path: try reader.readString(),
                state: try reader.readArray { reader throws(FrameError) in try reader.readString() })
        }
        keepsGroups = try reader.readBool()
    }
}

extension LaunchPlan {
    var hasExtension: Bool {
        process.hasExtension || !idMappedTrees.isEmpty || !netDevices.isEmpty || namespaces.isUnprivileged
    }

    func encodeExtension(_ writer: inout FrameWriter) {
        process.encodeExtension(&writer)
        writer.append(idMappedTrees) { writer, map in
            writer.append(map.tree)
            writer.append(map.recursive)
            NamespacePlan.encode(map.userMappings, &writer)
            NamespacePlan.encode(map.groupMappings, &writer)
        }
        writer.append(netDevices) { writer, device in
            writer.append(device.name)
            writer.append(device.newName)
        }
        writer.append(namespaces.isUnprivileged)
    }

    mutating func decodeExtension(_ reader: inout FrameReader) throws(FrameError) {
        try process.decodeExtension(&reader)
        idMappedTrees = try reader.readArray { reader throws(FrameError) in
            IDMappedTree(
                tree: try reader.read(), recursive: try reader.readBool(),
                userMappings: try NamespacePlan.mappings(&reader), groupMappings: try NamespacePlan.mappings(&reader))
        }
        netDevices = try reader.readArray { reader throws(FrameError) in
            NetDevicePlan(name: try reader.readString(), newName: try reader.readString())
        }
        namespaces.isUnprivileged = try reader.readBool()
    }
}
