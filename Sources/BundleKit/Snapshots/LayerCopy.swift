internal import BundleChild
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Copies what layers show, as overlayfs would, into one directory. Blocks.
///
/// Layers are laid down one on the other, the lowest first: a whiteout takes away what has been copied, an opaque directory what was in it.
/// No link is followed.
enum LayerCopy {
    /// - Parameters:
    ///   - layers: topmost first.
    ///   - target: an empty directory.
    ///   - check: called before each entry; what it throws ends the copy.
    static func copy(_ layers: [SharedDescriptor], to target: SharedDescriptor, check: () throws(Errno) -> Void) throws(Errno) {
        for layer in layers.reversed() {
            var links: [UInt64: (directory: SharedDescriptor, name: [UInt8])] = [:]
            try merge(layer, into: target, &links, check)
        }
    }

    private static func merge(
        _ source: SharedDescriptor, into target: SharedDescriptor,
        _ links: inout [UInt64: (directory: SharedDescriptor, name: [UInt8])], _ check: () throws(Errno) -> Void
    ) throws(Errno) {
        if try ExtendedAttributes.isOpaque(source.rawValue) {
            for name in try FileCalls.names(in: target.rawValue) { try FileCalls.remove(name, at: target.rawValue) }
        }
        for name in try FileCalls.names(in: source.rawValue) {
            try check()
            guard let status = try FileCalls.status(name, at: source.rawValue) else { continue }
            let existing = try FileCalls.status(name, at: target.rawValue)
            guard FileCalls.isDirectory(status) else {
                if existing != nil { try FileCalls.remove(name, at: target.rawValue) }
                if !FileCalls.isWhiteout(status) { try copy(name, status, source, target, &links) }
                continue
            }
            if let existing, !FileCalls.isDirectory(existing) { try FileCalls.remove(name, at: target.rawValue) }
            if existing.map({ !FileCalls.isDirectory($0) }) ?? true {
                try FileCalls.makeDirectory(name, at: target.rawValue, mode: 0o700)
            }
            let from = SharedDescriptor(try FileCalls.open(name, at: source.rawValue, flags: FileCalls.directoryFlags))
            let to = SharedDescriptor(try FileCalls.open(name, at: target.rawValue, flags: FileCalls.directoryFlags))
            try merge(from, into: to, &links, check)
        }
        // Last: writing into it changes its time.
        try setAttributes(try Attributes(of: source.rawValue), on: target.rawValue)
    }

    private static func copy(
        _ name: [UInt8], _ status: stat, _ source: SharedDescriptor, _ target: SharedDescriptor,
        _ links: inout [UInt64: (directory: SharedDescriptor, name: [UInt8])]
    ) throws(Errno) {
        if status.st_nlink > 1, let first = links[UInt64(status.st_ino)] {
            do throws(Errno) {
                return try FileCalls.link(first.name, at: first.directory.rawValue, to: name, at: target.rawValue)
            } catch .noSuchFileOrDirectory {
                // The first name was replaced meanwhile; then this is the file.
            }
        }
        if FileCalls.isFile(status) {
            let from = try FileCalls.open(name, at: source.rawValue, flags: O_RDONLY | O_NONBLOCK)
            let to = try FileCalls.open(name, at: target.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try FileCopy.contents(of: from.rawValue, to: to.rawValue)
            try setAttributes(try Attributes(of: from.rawValue), on: to.rawValue)
        } else {
            if FileCalls.isLink(status) {
                try FileCalls.makeLink(name, at: target.rawValue, target: try FileCalls.target(of: name, at: source.rawValue))
            } else {
                try FileCalls.makeNode(name, at: target.rawValue, mode: UInt32(status.st_mode) & ~0o7000, device: status.st_rdev)
            }
            try setAttributes(Attributes(status), onName: name, at: target.rawValue, isLink: FileCalls.isLink(status))
        }
        if status.st_nlink > 1 { links[UInt64(status.st_ino)] = (target, name) }
    }

    // MARK: attributes

    static func setAttributes(_ attributes: Attributes, on descriptor: CInt) throws(Errno) {
        try check(FileCalls.result(fchown(descriptor, UInt32(attributes.owner), UInt32(attributes.group))))
        try check(FileCalls.result(fchmod(descriptor, attributes.mode)))
        for (name, value) in attributes.extended {
            try setAttribute(name) { () throws(Errno) in try ExtendedAttributes.set(name, value, on: descriptor) }
        }
        try check(FileCalls.result(futimens(descriptor, attributes.times)))
    }

    private static func setAttributes(_ attributes: Attributes, onName name: [UInt8], at directory: CInt, isLink: Bool) throws(Errno) {
        let (owner, group) = (UInt32(attributes.owner), UInt32(attributes.group))
        try check(FileCalls.withName(name) { FileCalls.result(fchownat(directory, $0, owner, group, AT_SYMLINK_NOFOLLOW)) })
        if !isLink { try check(FileCalls.withName(name) { FileCalls.result(fchmodat(directory, $0, attributes.mode, 0)) }) }
        try check(FileCalls.withName(name) { FileCalls.result(utimensat(directory, $0, attributes.times, AT_SYMLINK_NOFOLLOW)) })
    }

    /// `user.*` attributes are left out where the file system has none, as unpacking does.
    private static func setAttribute(_ name: [UInt8], _ body: () throws(Errno) -> Void) throws(Errno) {
        do throws(Errno) { try body() } catch {
            guard name.starts(with: "user.".utf8), error == .notSupported || error == .notPermitted else { throw error }
        }
    }
}
