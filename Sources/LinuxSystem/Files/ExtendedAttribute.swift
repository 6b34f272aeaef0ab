internal import CLinux

/// Reading of attributes that stand beside a file.
package enum ExtendedAttribute {
    /// The value; nil where there is none, or one of more than `limit` bytes. See: man 2 getxattr.
    package static func value(_ name: String, of path: String, limit: Int = 256) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = getxattr(path, name, &bytes, limit)
        return count < 0 ? nil : Array(bytes[..<count])
    }
}
