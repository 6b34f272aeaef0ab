/// The name of an entry as components, checked. Leading slashes, `.` and doubled slashes mean nothing; `..` is refused: after
/// a symbolic link it would lead anywhere, and no tool that makes layers writes it.
struct EntryPath: Equatable {
    var components: [[UInt8]]

    init(_ name: [UInt8], limits: UnpackLimits) throws(UnpackFailure) {
        guard !name.isEmpty, !name.contains(0) else { throw UnpackFailure(.escapingPath, entry: name) }
        guard name.count <= Int(limits.pathLength) else { throw UnpackFailure(.pathTooLong, entry: name) }
        components = []
        for part in name.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([UInt8(ascii: ".")]) { continue }
            guard !part.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) else { throw UnpackFailure(.escapingPath, entry: name) }
            guard part.count <= 255 else { throw UnpackFailure(.pathTooLong, entry: name) }
            components.append(Array(part))
        }
        guard components.count <= Int(limits.pathDepth) else { throw UnpackFailure(.pathTooLong, entry: name) }
    }

    var isRoot: Bool { components.isEmpty }
}

/// The marks that stand for a removal in a layer (image-spec 1.1, layer.md, "Whiteouts").
enum Whiteout: Equatable {
    /// `.wh.<name>`: the name is gone.
    case name([UInt8])
    /// `.wh..wh..opq`: nothing of the directory below is left.
    case opaque
    /// Another name with `.wh..wh.`: bookkeeping of aufs, which means nothing here.
    case ignored

    private static let prefix = Array(".wh.".utf8)

    /// Nil for an ordinary name.
    init?(_ component: [UInt8], entry: [UInt8]) throws(UnpackFailure) {
        guard component.starts(with: Self.prefix) else { return nil }
        let rest = Array(component.dropFirst(Self.prefix.count))
        if rest.starts(with: Self.prefix) {
            self = rest.elementsEqual(".wh..opq".utf8) ? .opaque : .ignored
            return
        }
        guard !rest.isEmpty, !rest.elementsEqual(".".utf8), !rest.elementsEqual("..".utf8) else {
            throw UnpackFailure(.badWhiteout, entry: entry)
        }
        self = .name(rest)
    }
}
