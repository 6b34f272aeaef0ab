/// Headers of a tar archive, the same for the same input: no times, owner 0. See: POSIX pax, "ustar Interchange Format".
package enum TarWriter {
    package struct Entry: Sendable, Hashable {
        /// Bytes, without a leading slash.
        package var name: [UInt8]
        package var size: Int64 = 0
        package var mode: UInt32 = 0o644
        package var user: UInt32 = 0
        package var group: UInt32 = 0
        /// Seconds since 1970.
        package var time: Int64 = 0
        /// Of the time, below a second: 0…999,999,999.
        package var nanoseconds: Int64 = 0
        /// `0` a file, `5` a directory, `2` a symbolic link, `1` a hard link, `3` and `4` devices, `6` a pipe.
        package var type = UInt8(ascii: "0")
        package var link: [UInt8] = []
        package var device: (major: UInt32, minor: UInt32) = (0, 0)
        /// Extended attributes by name.
        package var attributes: [String: [UInt8]] = [:]

        package init(
            name: [UInt8], size: Int64 = 0, mode: UInt32 = 0o644, user: UInt32 = 0, group: UInt32 = 0, time: Int64 = 0,
            type: UInt8 = UInt8(ascii: "0"), link: [UInt8] = []
        ) {
            self.name = name
            self.size = size
            self.mode = mode
            self.user = user
            self.group = group
            self.time = time
            self.type = type
            self.link = link
        }

        package static func == (left: Entry, right: Entry) -> Bool {
            left.name == right.name && left.type == right.type && left.size == right.size
        }
        package func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }

    /// The header, with a pax header before it where a field does not fit.
    package static func header(_ entry: Entry) -> [UInt8] {
        var records: [(key: String, value: [UInt8])] = []
        // Names are bytes; those of pax records are UTF-8 unless the archive says otherwise.
        if !isText(entry.name) || !isText(entry.link) { records.append(("hdrcharset", Array("BINARY".utf8))) }
        if entry.name.count > 100 || entry.name.contains(where: { $0 >= 0x80 }) { records.append(("path", entry.name)) }
        if entry.link.count > 100 || entry.link.contains(where: { $0 >= 0x80 }) { records.append(("linkpath", entry.link)) }
        if entry.size >= 1 << 33 { records.append(("size", Array(String(entry.size).utf8))) }
        if entry.user >= 1 << 21 { records.append(("uid", Array(String(entry.user).utf8))) }
        if entry.group >= 1 << 21 { records.append(("gid", Array(String(entry.group).utf8))) }
        if entry.time < 0 || entry.time >= 1 << 33 || entry.nanoseconds != 0 { records.append(("mtime", Array(mtime(entry).utf8))) }
        for (name, value) in entry.attributes.sorted(by: { $0.key < $1.key }) { records.append(("SCHILY.xattr." + name, value)) }
        if records.isEmpty { return block(entry) }
        let body = records.flatMap { record($0.key, $0.value) }
        let pax = Entry(name: Array("PaxHeaders.0/entry".utf8), size: Int64(body.count), type: UInt8(ascii: "x"))
        return block(pax) + body + padding(Int64(body.count)) + block(entry)
    }

    private static func isText(_ name: [UInt8]) -> Bool {
        !name.contains { $0 >= 0x80 } || String(validating: name, as: UTF8.self) != nil
    }

    /// A decimal fraction: before 1970 it counts away from zero.
    private static func mtime(_ entry: Entry) -> String {
        if entry.nanoseconds == 0 { return String(entry.time) }
        let (seconds, fraction) = entry.time < 0 ? (entry.time + 1, 1_000_000_000 - entry.nanoseconds) : (entry.time, entry.nanoseconds)
        let digits = String(fraction)
        return (entry.time < 0 && seconds == 0 ? "-" : "") + "\(seconds)." + String(repeating: "0", count: 9 - digits.utf8.count) + digits
    }

    /// Zeros up to the next block.
    package static func padding(_ size: Int64) -> [UInt8] { [UInt8](repeating: 0, count: Int((512 - size % 512) % 512)) }

    /// Two blocks of zeros.
    package static let end = [UInt8](repeating: 0, count: 1024)

    /// Its length counts its own digits.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = 1 + key.utf8.count + 1 + value.count + 1
        var length = rest
        while length != rest + String(length).utf8.count { length = rest + String(length).utf8.count }
        return Array("\(length) \(key)=".utf8) + value + [0x0a]
    }

    private static func block(_ entry: Entry) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Sequence<UInt8>, _ offset: Int, _ size: Int) {
            for (index, byte) in bytes.prefix(size).enumerated() { block[offset + index] = byte }
        }
        func number(_ value: Int64, _ offset: Int, _ size: Int) {
            let fits = value >= 0 && value < 1 << Int64(3 * (size - 1))
            let digits = String(fits ? value : 0, radix: 8)
            put((String(repeating: "0", count: size - 1 - digits.utf8.count) + digits).utf8, offset, size - 1)
        }
        put(entry.name, 0, 100)
        number(Int64(entry.mode), 100, 8)
        number(Int64(entry.user), 108, 8)
        number(Int64(entry.group), 116, 8)
        number(entry.size, 124, 12)
        number(entry.time, 136, 12)
        put([UInt8](repeating: 0x20, count: 8), 148, 8)
        block[156] = entry.type
        put(entry.link, 157, 100)
        put(Array("ustar".utf8) + [0] + Array("00".utf8), 257, 8)
        number(Int64(entry.device.major), 329, 8)
        number(Int64(entry.device.minor), 337, 8)
        let sum = block.reduce(0) { $0 + Int64($1) }
        number(sum, 148, 7)
        return block
    }
}
