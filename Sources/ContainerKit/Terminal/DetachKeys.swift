/// The keys that a person types to leave a terminal and let its container go on: Ctrl-P Ctrl-Q, as with Docker.
public struct DetachKeys: Sendable, Hashable {
    private let keys: [UInt8]
    private var matched = 0

    /// Ctrl-P Ctrl-Q.
    public static let standard = DetachKeys(keys: [16, 17])

    private init(keys: [UInt8]) { self.keys = keys }

    /// As Docker writes them: `ctrl-p,ctrl-q`, `a`, `ctrl-@`; nil for what is none. Empty text is no keys at all.
    public init?(_ text: String) {
        var keys: [UInt8] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
            let bytes = Array(part.utf8)
            if bytes.count == 1, bytes[0] < 0x80 {
                keys.append(bytes[0])
            } else if bytes.count == 6, part.hasPrefix("ctrl-"), let key = Self.control(bytes[5]) {
                keys.append(key)
            } else {
                return nil
            }
        }
        self.init(keys: keys)
    }

    private static func control(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 1
        case UInt8(ascii: "@"): 0
        case UInt8(ascii: "[")...UInt8(ascii: "_"): byte - UInt8(ascii: "@")
        default: nil
        }
    }

    /// Looks for the keys in what was typed, over any number of calls.
    /// - Returns: what the container gets, without a beginning of the keys that may still be completed; and whether the keys are complete.
    public mutating func filter(_ typed: [UInt8]) -> (passed: [UInt8], isLeaving: Bool) {
        if keys.isEmpty { return (typed, false) }
        var passed: [UInt8] = []
        for byte in typed {
            if byte != keys[matched], matched > 0 {
                // Not the keys after all: what was held back was meant for the container.
                passed += keys[..<matched]
                matched = 0
            }
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count {
                    matched = 0
                    return (passed, true)
                }
            } else {
                passed.append(byte)
            }
        }
        return (passed, false)
    }
}
