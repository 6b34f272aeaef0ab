internal import CLinux
internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// Extended attributes on open files, and on names through the directory they lie in.
package enum ExtendedAttributes {
    package static let opaque = Array("trusted.overlay.opaque".utf8)

    package static func set(_ name: [UInt8], _ value: [UInt8], on descriptor: CInt) throws(Errno) {
        unsafe try check(
            FileCalls.withName(name) { name in
                unsafe value.withUnsafeBytes { unsafe FileCalls.result(fsetxattr(descriptor, name, $0.baseAddress, $0.count, 0)) }
            })
    }

    /// Sets on a name without following it: for links, devices and fifos, which cannot be opened for that.
    package static func set(_ name: [UInt8], _ value: [UInt8], on file: [UInt8], at directory: CInt) throws(Errno) {
        let path = Array("/proc/self/fd/\(directory)/".utf8) + file
        unsafe try check(
            FileCalls.withName(name) { name in
                unsafe FileCalls.withName(path) { path in
                    unsafe value.withUnsafeBytes { unsafe FileCalls.result(lsetxattr(path, name, $0.baseAddress, $0.count, 0)) }
                }
            })
    }

    package static func get(_ name: [UInt8], of descriptor: CInt) throws(Errno) -> [UInt8]? {
        var length = 0
        let value = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            let room = buffer.baseAddress
            length = unsafe FileCalls.withName(name) { unsafe fgetxattr(descriptor, $0, room, 65536) }
            if length < 0 { length = -Int(errno) }
            count = max(length, 0)
        }
        if length == -Int(ENODATA) || length == -Int(ENOTSUP) { return nil }
        try check(length)
        return value
    }

    package static func isOpaque(_ directory: CInt) throws(Errno) -> Bool { try get(opaque, of: directory) == [UInt8(ascii: "y")] }

    /// All of a file that a copy carries: not those that belong to overlayfs or to the host's policy.
    package static func all(of descriptor: CInt) throws(Errno) -> [(name: [UInt8], value: [UInt8])] {
        var length = 0
        let list = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            let room = unsafe buffer.baseAddress.map { unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: CChar.self) }
            length = unsafe flistxattr(descriptor, room, 65536)
            if length < 0 { length = -Int(errno) }
            count = max(length, 0)
        }
        if length == -Int(ENOTSUP) { return [] }
        try check(length)
        var found: [(name: [UInt8], value: [UInt8])] = []
        for name in list.split(separator: UInt8(0)).map({ Array($0) }) where !isOverlays(name) && !isHostPolicy(name) {
            if let value = try get(name, of: descriptor) { found.append((name, value)) }
        }
        return found
    }

    /// The name under which overlayfs shows an attribute as `name`: its own ones are an image's only when they are escaped. (Kernels before
    /// 6.7 do not show escaped ones, which is harmless.) `user.overlay.*` means nothing to an overlay that is mounted with privileges.
    package static func escaped(_ name: [UInt8]) -> [UInt8] {
        let prefix = Array("trusted.overlay.".utf8)
        return name.starts(with: prefix) ? prefix + Array("overlay.".utf8) + name.dropFirst(prefix.count) : name
    }

    /// The opposite of `escaped`.
    package static func unescaped(_ name: [UInt8]) -> [UInt8] {
        let prefix = Array("trusted.overlay.overlay.".utf8)
        return name.starts(with: prefix) ? Array("trusted.overlay.".utf8) + name.dropFirst(prefix.count) : name
    }

    /// Attributes that say something to overlayfs about a file of ours, and are no part of it.
    package static func isOverlays(_ name: [UInt8]) -> Bool {
        name.starts(with: "trusted.overlay.".utf8) && !name.starts(with: "trusted.overlay.overlay.".utf8)
    }

    /// Labels of the build machine's security module mean nothing here.
    package static func isHostPolicy(_ name: [UInt8]) -> Bool {
        name.elementsEqual("security.selinux".utf8) || name.elementsEqual("security.ima".utf8) || name.elementsEqual("security.evm".utf8)
    }
}
