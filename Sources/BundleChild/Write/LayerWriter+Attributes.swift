package import CLinux
internal import Glibc
internal import LinuxSystem
package import SystemPackage

extension LayerWriter {
    func setAttributes(
        _ attributes: Attributes, on descriptor: CInt, isNew: Bool, _ entry: [UInt8]
    ) throws(UnpackFailure) {
        let owner = UInt32(truncatingIfNeeded: attributes.owner)
        let group = UInt32(truncatingIfNeeded: attributes.group)
        do throws(Errno) {
            if owner != ownUser || group != ownGroup { try check(FileCalls.result(fchown(descriptor, owner, group))) }
            // chown clears set-user-id; open(2) never sets it.
            if !isNew || attributes.mode & (0o7000 | umask) != 0 { try check(FileCalls.result(fchmod(descriptor, attributes.mode))) }
        } catch { throw .system(error, entry: entry) }
        for (name, value) in attributes.extended where !ExtendedAttributes.isHostPolicy(name) {
            do throws(Errno) { try ExtendedAttributes.set(name, value, on: descriptor) } catch {
                try dropOrThrow(name, error, entry)
            }
        }
        let times = attributes.times
        try system(entry) { () throws(Errno) in try check(unsafe FileCalls.result(futimens(descriptor, times))) }
    }

    func setAttributes(
        _ attributes: Attributes, onName name: [UInt8], in parent: SharedDescriptor, isLink: Bool, _ entry: [UInt8]
    ) throws(UnpackFailure) {
        let owner = UInt32(truncatingIfNeeded: attributes.owner)
        let group = UInt32(truncatingIfNeeded: attributes.group)
        let directory = parent.rawValue
        do throws(Errno) {
            if owner != ownUser || group != ownGroup {
                unsafe try check(
                    FileCalls.withName(name) { unsafe FileCalls.result(fchownat(directory, $0, owner, group, AT_SYMLINK_NOFOLLOW)) })
            }
            // The name was made by us in a directory only we write to, so it is no link.
            if !isLink, attributes.mode & (0o7000 | umask) != 0 {
                unsafe try check(FileCalls.withName(name) { unsafe FileCalls.result(fchmodat(directory, $0, attributes.mode, 0)) })
            }
        } catch { throw .system(error, entry: entry) }
        for (attribute, value) in attributes.extended where !ExtendedAttributes.isHostPolicy(attribute) {
            do throws(Errno) { try ExtendedAttributes.set(attribute, value, on: name, at: directory) } catch {
                try dropOrThrow(attribute, error, entry)
            }
        }
        let times = attributes.times
        try system(entry) { () throws(Errno) in
            unsafe try check(FileCalls.withName(name) { unsafe FileCalls.result(utimensat(directory, $0, times, AT_SYMLINK_NOFOLLOW)) })
        }
    }

    /// A file system without `user.*` (tmpfs before Linux 6.6), or a link, which cannot have them: counted, as peers ignore it.
    private func dropOrThrow(_ name: [UInt8], _ errno: Errno, _ entry: [UInt8]) throws(UnpackFailure) {
        guard name.starts(with: "user.".utf8), errno == .notSupported || errno == .notPermitted else {
            throw UnpackFailure(.system, entry: entry, errno: errno, detail: name)
        }
        report.droppedAttributes += 1
    }
}

extension Attributes {
    /// Those of an open file.
    package init(of descriptor: CInt) throws(Errno) {
        let status = try FileCalls.status(of: descriptor)
        self.init(status)
        extended = try ExtendedAttributes.all(of: descriptor)
    }

    package init(_ status: stat) {
        owner = Int64(status.st_uid)
        group = Int64(status.st_gid)
        mode = UInt32(status.st_mode) & 0o7777
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// Access and modification time for utimensat(2): both the archive's.
    package var times: [timespec] {
        let time = timespec(tv_sec: seconds, tv_nsec: min(max(nanoseconds, 0), 999_999_999))
        return [time, time]
    }
}
