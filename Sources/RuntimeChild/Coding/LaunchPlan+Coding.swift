package import LinuxSystem

extension LaunchPlan {
    /// First word of an encoded plan. A plan outlives no program, but a shim may be older than its host.
    private static let version: UInt32 = 0x434b_0001
    private static let extendedVersion: UInt32 = 0x434b_0002

    /// Last word of a plan whose process 1 is ours; a plan without is as it always was.
    private static let initTag: UInt32 = 0x434b_494e

    /// The plan as a frame.
    package func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: 16 * 1024)
        writer.append(hasExtension ? Self.extendedVersion : Self.version)
        writer.append(flavour.rawValue)
        writer.append(containerID)
        namespaces.encode(&writer)
        writer.append(cgroup != nil)
        cgroup?.encode(&writer)
        writer.append(trees) { writer, tree in tree.encode(&writer) }
        writer.append(steps) { writer, step in step.encode(&writer) }
        process.encode(&writer)
        writer.append(forcesLegacyOverlay)
        if hasExtension { encodeExtension(&writer) }
        if process.reapsChildren { writer.append(Self.initTag) }
        return writer.bytes
    }

    /// Decodes what `encode` made; nothing in it is believed.
    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == Self.version || version == Self.extendedVersion else { throw .version(version) }
        guard let flavour = Flavour(rawValue: try reader.read()) else { throw .invalidValue }
        let containerID = try reader.readString()
        let namespaces = try NamespacePlan(from: &reader)
        let cgroup = try reader.readBool() ? try CgroupPlan(from: &reader) : nil
        let trees = try reader.readArray { reader throws(FrameError) in try TreePlan(from: &reader) }
        let steps = try reader.readArray { reader throws(FrameError) in try LaunchStep(from: &reader) }
        self.init(containerID: containerID, process: try ProcessPlan(from: &reader))
        self.namespaces = namespaces
        forcesLegacyOverlay = try reader.readBool()
        if version == Self.extendedVersion {
            try decodeExtension(&reader)
            guard hasExtension else { throw .invalidValue }
        }
        if reader.remaining == 4 {
            guard try reader.read(UInt32.self) == Self.initTag else { throw .invalidValue }
            process.reapsChildren = true
        }
        try reader.finish()
        self.flavour = flavour
        self.cgroup = cgroup
        self.trees = trees
        self.steps = steps
        for step in steps where !step.refersToTrees(below: trees.count) { throw .invalidValue }
        for map in idMappedTrees where Int(map.tree) >= trees.count { throw .invalidValue }
    }
}

extension ExecPlan {
    private static let version: UInt32 = 0x434b_1001
    private static let extendedVersion: UInt32 = 0x434b_1002

    /// The plan as a frame.
    package func encode() -> [UInt8] {
        var writer = FrameWriter(capacity: 8 * 1024)
        writer.append(process.hasExtension ? Self.extendedVersion : Self.version)
        process.encode(&writer)
        if process.hasExtension { process.encodeExtension(&writer) }
        return writer.bytes
    }

    /// Decodes what `encode` made; nothing in it is believed.
    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == Self.version || version == Self.extendedVersion else { throw .version(version) }
        self.init(process: try ProcessPlan(from: &reader))
        if version == Self.extendedVersion {
            try process.decodeExtension(&reader)
            guard process.hasExtension else { throw .invalidValue }
        }
        try reader.finish()
    }
}

extension LaunchStep {
    /// False for a step that names a tree which the plan does not have.
    fileprivate func refersToTrees(below count: Int) -> Bool {
        switch self {
        case .attachRoot(let tree), .attach(let tree, _), .copyUp(let tree, _, _): Int(tree) < count
        default: true
        }
    }
}
