/// A JSON text (RFC 8259), read once into a flat list of nodes that point into its bytes: nothing is copied before somebody asks
/// for it. Made for configurations of some ten KiB on a path where Foundation's decoder would cost more than the launch.
package struct JSONDocument: Sendable {
    /// What a node is.
    enum Kind: UInt8, Sendable {
        case object, array, string, escapedString, number, yes, no, null
    }

    /// One value, or one key of an object. The members of an object are key, value, key, value…
    struct Node: Sendable {
        var kind: Kind
        /// Its bytes; for a string without the quotes.
        var start: Int32
        var end: Int32
        /// Index of the node after this one and all below it.
        var next: Int32
        /// Elements of an array, members of an object.
        var count: Int32
    }

    let bytes: [UInt8]
    private(set) var nodes: [Node] = []

    /// Arrays and objects inside one another; deeper ones are refused, since reading them uses the stack.
    static let deepest = 100
    /// The longest text, 16 MiB.
    package static let limit = 1 << 24

    /// Reads a whole text.
    /// - Throws: `JSONSyntaxError` for anything that is not exactly one JSON value.
    package init(_ bytes: [UInt8]) throws(JSONSyntaxError) {
        self.bytes = bytes
        guard bytes.count <= Self.limit else { throw JSONSyntaxError(offset: Self.limit, reason: "the text is longer than 16 MiB") }
        nodes.reserveCapacity(bytes.count / 8 + 8)
        var scanner = JSONScanner(end: bytes.count)
        try scanner.scan(bytes, into: &nodes)
    }

    /// The bytes of a node.
    func text(_ node: Node) -> ArraySlice<UInt8> { bytes[Int(node.start)..<Int(node.end)] }

    /// A string's value, escapes undone; nil for a node of another kind.
    func string(_ node: Node) -> String? {
        switch node.kind {
        case .string: String(decoding: text(node), as: UTF8.self)
        case .escapedString: JSONScanner.unescaped(text(node))
        default: nil
        }
    }

    /// Whether a key is `name`.
    func key(_ node: Node, is name: String) -> Bool {
        if node.kind == .escapedString { return string(node) == name }
        let count = Int(node.end - node.start)
        guard name.utf8.count == count else { return false }
        return text(node).elementsEqual(name.utf8)
    }

    /// The value of an object's member; the last, when a name is there more than once.
    func member(_ name: String, of object: Int) -> Int? {
        var found: Int?
        var index = object + 1
        for _ in 0..<nodes[object].count {
            let value = index + 1
            if key(nodes[index], is: name) { found = value }
            index = Int(nodes[value].next)
        }
        return found
    }
}

/// Where a text stops being JSON.
package struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Bytes before the place.
    package var offset: Int
    /// What is wrong there, a clause.
    package var reason: String

    package var description: String { "\(reason) at byte \(offset)" }
}
