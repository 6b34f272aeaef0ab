/// The name of an image: registry, repository, and a tag, a digest or both.
///
/// Normalised as Docker does: `alpine` is `docker.io/library/alpine:latest`. The first component is a registry when it
/// has a dot, a colon or an upper-case letter, or is `localhost`. See: distribution-spec 1.1, "Pulling manifests".
public struct Reference: Sendable, Hashable {
    /// Why a text is no reference, and where.
    public struct ParseError: Error, Sendable, Hashable {
        public enum Reason: Sendable, Hashable {
            case empty
            case tooLong
            case invalidRegistry
            case invalidRepository
            case invalidTag
            case invalidDigest(Digest.ParseError)
            /// 64 hexadecimal digits would be taken for an image's id.
            case looksLikeID
        }
        public var reason: Reason
        /// Offset of the first offending byte.
        public var offset: Int
    }

    /// Host, and port where there is one: `docker.io`, `localhost:5000`, `[::1]:5000`.
    public let registry: String
    /// `library/alpine`.
    public let repository: String
    /// Nil only with a digest.
    public let tag: String?
    public let digest: Digest?

    public static let defaultRegistry = "docker.io"

    public init(registry: String, repository: String, tag: String? = nil, digest: Digest? = nil) throws(ParseError) {
        try self.init("\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? ""))
    }

    /// Parses a name as a user types it.
    public init(_ text: String) throws(ParseError) {
        guard !text.isEmpty else { throw ParseError(reason: .empty, offset: 0) }
        var rest = Substring(text)
        func offset(of part: Substring) -> Int { text.utf8.distance(from: text.startIndex, to: part.startIndex) }

        if let at = rest.firstIndex(of: "@") {
            let part = rest[rest.index(after: at)...]
            do throws(Digest.ParseError) { digest = try Digest(String(part)) } catch {
                throw ParseError(reason: .invalidDigest(error), offset: offset(of: part))
            }
            rest = rest[..<at]
        } else {
            digest = nil
        }

        var registry = Self.defaultRegistry
        var path = rest
        if let slash = rest.firstIndex(of: "/"), Self.isRegistry(rest[..<slash]) {
            let host = rest[..<slash]
            if let bad = Self.invalidRegistryOffset(host) {
                throw ParseError(reason: .invalidRegistry, offset: offset(of: host) + bad)
            }
            // A host's case does not matter, except where only its capitals tell it from a path: `Registry/app`.
            let lowered = host.lowercased()
            registry = Self.isRegistry(lowered[...]) ? lowered : String(host)
            path = rest[rest.index(after: slash)...]
        }
        // Docker Hub has had these names.
        if registry == "index.docker.io" || registry == "registry-1.docker.io" { registry = Self.defaultRegistry }

        var name = path
        if let colon = path.lastIndex(of: ":") {
            let part = path[path.index(after: colon)...]
            if let bad = Self.invalidTagOffset(part) { throw ParseError(reason: .invalidTag, offset: offset(of: part) + bad) }
            tag = String(part)
            name = path[..<colon]
        } else {
            tag = digest == nil ? "latest" : nil
        }
        if let bad = Self.invalidRepositoryOffset(name) {
            throw ParseError(reason: .invalidRepository, offset: offset(of: name) + bad)
        }
        if registry == Self.defaultRegistry, !name.contains("/") {
            if Self.looksLikeID(name) { throw ParseError(reason: .looksLikeID, offset: offset(of: name)) }
            repository = "library/\(name)"
        } else {
            repository = String(name)
        }
        self.registry = registry
        guard repository.utf8.count <= 255 else { throw ParseError(reason: .tooLong, offset: offset(of: name)) }
    }

    /// The same name at a digest.
    public func pinned(to digest: Digest) -> Reference { Reference(registry, repository, tag, digest) }

    private init(_ registry: String, _ repository: String, _ tag: String?, _ digest: Digest?) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }
}

extension Reference: CustomStringConvertible {
    /// The full form: `docker.io/library/alpine:latest`.
    public var description: String {
        "\(registry)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// As short as Docker shows it: `alpine`, `alpine:3.20`, `localhost:5000/team/app:1`. Read again, it is this reference.
    public var familiar: String {
        let suffix = digest.map { (tag.map { ":\($0)" } ?? "") + "@\($0)" } ?? (tag == nil || tag == "latest" ? "" : ":\(tag ?? "")")
        guard registry == Self.defaultRegistry else { return "\(registry)/\(repository)\(suffix)" }
        let parts = repository.split(separator: "/")
        // Only official images have one component, and a first one that is a registry's name has to keep the registry before it.
        if parts.count == 2, parts[0] == "library", !Self.looksLikeID(parts[1]) { return "\(parts[1])\(suffix)" }
        if parts.count > 1, !Self.isRegistry(parts[0]) { return "\(repository)\(suffix)" }
        return "\(registry)/\(repository)\(suffix)"
    }
}

// MARK: - the grammar, byte by byte

extension Reference {
    private static func isRegistry(_ part: Substring) -> Bool {
        part == "localhost" || part.contains { $0 == "." || $0 == ":" || $0.isUppercase } || part.hasPrefix("[")
    }

    private static func looksLikeID(_ part: Substring) -> Bool { part.utf8.count == 64 && part.utf8.allSatisfy(isHex) }

    private static func isLower(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || isDigit(byte)
    }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
    private static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") }

    /// `host`, `host:port`, `[v6]`, `[v6]:port`.
    private static func invalidRegistryOffset(_ part: Substring) -> Int? {
        let bytes = Array(part.utf8)
        var position = 0
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return bytes.count }
            for index in 1..<end
            where !isHex(bytes[index]) && !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(bytes[index])
                && bytes[index] != UInt8(ascii: ":") && bytes[index] != UInt8(ascii: ".")
            {
                return index
            }
            position = end + 1
        } else {
            let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
            if end == 0 { return 0 }
            var start = true
            for index in 0..<end {
                let byte = bytes[index]
                let isEdge = start || index + 1 == end || bytes[index + 1] == UInt8(ascii: ".")
                if byte == UInt8(ascii: "."), !start {
                    start = true
                } else if isLetter(byte) || isDigit(byte) {
                    start = false
                } else if byte
                    == UInt8(ascii: "-"), !isEdge
                {
                    start = false
                } else {
                    return index
                }
            }
            if start { return end - 1 }
            position = end
        }
        if position == bytes.count { return nil }
        guard bytes[position] == UInt8(ascii: ":") else { return position }
        let port = bytes[(position + 1)...]
        guard let bad = port.firstIndex(where: { !isDigit($0) }) else {
            let number = Int(String(decoding: port, as: UTF8.self)) ?? 0
            return port.count <= 5 && (1...65535).contains(number) ? nil : position + 1
        }
        return bad
    }

    /// Components of lower-case letters and digits, with `.`, `_`, `__` or dashes in between.
    private static func invalidRepositoryOffset(_ part: Substring) -> Int? {
        let bytes = Array(part.utf8)
        if bytes.isEmpty { return 0 }
        var position = 0
        while position < bytes.count {
            guard isLower(bytes[position]) else { return position }
            while position < bytes.count, isLower(bytes[position]) { position += 1 }
            if position == bytes.count { return nil }
            let separator = position
            switch bytes[position] {
            case UInt8(ascii: "."), UInt8(ascii: "/"): position += 1
            case UInt8(ascii: "_"):
                position += 1
                if position < bytes.count, bytes[position] == UInt8(ascii: "_") { position += 1 }
            case UInt8(ascii: "-"):
                while position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
            default: return position
            }
            if position == bytes.count { return separator }
        }
        return nil
    }

    /// A word character, then at most 127 word characters, dots and dashes.
    private static func invalidTagOffset(_ part: Substring) -> Int? {
        let bytes = Array(part.utf8)
        guard let first = bytes.first, isWord(first) else { return 0 }
        if bytes.count > 128 { return 128 }
        return bytes.firstIndex { !isWord($0) && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "-") }
    }
}

extension Reference: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do { try self.init(text) } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no image reference: \(error.reason)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
