internal import LinuxSystem
internal import RuntimeChild

/// The options of one mount, sorted by who takes them. See: runtime-spec config.md "Linux mount options", man 8 mount.
struct MountOptions: Sendable, Hashable {
    /// nil when it is no bind mount; else whether submounts come along.
    var bind: Bool?
    /// Attributes of the mount itself: `clear` first, then `set`.
    var set: MountAttributes = []
    var clear: MountAttributes = []
    /// The same of the mount and everything below it (`rro`).
    var recursiveSet: MountAttributes = []
    var recursiveClear: MountAttributes = []
    /// What the configuration asks for; nil is nothing.
    var propagation: MountPropagation?
    /// Whether the mount is id-mapped, and everything below it too; nil is not.
    var idMap: Bool?
    /// Whether a new tmpfs begins with what the directory below it holds.
    var copiesUp = false
    /// Whether it changes the mount that is there.
    var remounts = false
    /// Parameters of the file system.
    var data: [MountOption] = []

    var isReadOnly: Bool { self.set.contains(.readOnly) || recursiveSet.contains(.readOnly) }

    /// - Throws: `RuntimeError.Code.unsupportedField`.
    init(_ options: [String], field: String) throws(RuntimeError) {
        for (index, option) in options.enumerated() {
            if option.isEmpty || option.utf8.contains(0) { throw .invalid("\(field)[\(index)]", "is empty or holds a NUL") }
            switch option {
            // The kernel's messages, and what is so anyway.
            case "defaults", "silent", "loud", "noiversion": continue
            case "bind": bind = bind ?? false
            case "rbind": bind = true
            case "idmap": idMap = idMap ?? false
            case "ridmap": idMap = true
            case "tmpcopyup": copiesUp = true
            case "remount": remounts = true
            case "mand":
                throw .unsupported("\(field)[\(index)]", "the mount option `mand` is gone from the kernel (since 5.15)")
            case "copy-symlink":
                throw .unsupported("\(field)[\(index)]", "the mount option `\(option)` is not supported")
            default:
                if let attribute = Self.attribute(option) {
                    Self.apply(attribute, set: &set, clear: &clear)
                } else if let propagation = Self.propagation(option) {
                    self.propagation = propagation
                } else if option.hasPrefix("r"), let attribute = Self.attribute(String(option.dropFirst())) {
                    Self.apply(attribute, set: &recursiveSet, clear: &recursiveClear)
                } else if let equals = option.firstIndex(of: "="), equals != option.startIndex {
                    data.append(MountOption(String(option[..<equals]), String(option[option.index(after: equals)...])))
                } else {
                    data.append(MountOption(option))
                }
            }
        }
    }

    private static func apply(
        _ attribute: (set: MountAttributes, clear: MountAttributes), set: inout MountAttributes, clear: inout MountAttributes
    ) {
        // The last word counts.
        set.subtract(attribute.clear)
        clear.formUnion(attribute.clear)
        clear.subtract(attribute.set)
        set.formUnion(attribute.set)
        // A value of the access time field is set only after the field was cleared (mount_setattr(2)).
        if attribute.clear.contains(.accessTimeField) { clear.formUnion(.accessTimeField) }
    }

    private static func attribute(_ name: String) -> (set: MountAttributes, clear: MountAttributes)? {
        switch name {
        case "ro": (.readOnly, [])
        case "rw": ([], .readOnly)
        case "nosuid": (.noSetUID, [])
        case "suid": ([], .noSetUID)
        case "nodev": (.noDevices, [])
        case "dev": ([], .noDevices)
        case "noexec": (.noExecute, [])
        case "exec": ([], .noExecute)
        case "nosymfollow": (.noSymlinkFollow, [])
        case "symfollow": ([], .noSymlinkFollow)
        case "nodiratime": (.noDirectoryAccessTime, [])
        case "diratime": ([], .noDirectoryAccessTime)
        case "noatime": (.noAccessTime, .accessTimeField)
        case "strictatime": (.strictAccessTime, .accessTimeField)
        case "relatime", "atime", "norelatime", "nostrictatime": ([], .accessTimeField)
        default: nil
        }
    }

    /// The value of rootfsPropagation, and of a mount's option.
    static func propagation(_ name: String) -> MountPropagation? {
        switch name {
        case "private": .private
        case "rprivate": [.private, .recursive]
        case "shared": .shared
        case "rshared": [.shared, .recursive]
        case "slave": .slave
        case "rslave": [.slave, .recursive]
        case "unbindable": .unbindable
        case "runbindable": [.unbindable, .recursive]
        default: nil
        }
    }
}
