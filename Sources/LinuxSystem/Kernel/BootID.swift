internal import CLinux
package import SystemPackage

/// The name of this boot: what was written under another one speaks of processes that are gone and of files that may not be on the disk.
package enum BootID {
    /// See: man 5 proc_sys_kernel (random/boot_id).
    package static func read() throws(Errno) -> String {
        let text = try OwnedDescriptor.open("/proc/sys/kernel/random/boot_id", flags: O_RDONLY).readAll(limit: 64)
        return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
