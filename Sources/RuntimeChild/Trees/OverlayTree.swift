internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// An overlay of layers. See: Documentation/filesystems/overlayfs.rst.
struct OverlayTree {
    /// From the topmost layer to the lowest.
    var lower: [String]
    var upper: String?
    var work: String?
    var options: [MountOption]
    var attributes: UInt64

    /// A detached mount. Kernels before 6.7 do not know `lowerdir+`: some say so at the parameter, those before 6.5 take any
    /// parameter and refuse the file system at the end. Then by mount(2), which says EINVAL again when something else is
    /// wrong.
    func mount() throws(Errno) -> OwnedDescriptor {
        do throws(Errno) {
            return try mountByParameters()
        } catch {
            guard error == .invalidArgument else { throw error }
            return try mountByPath()
        }
    }

    /// By fsopen(2), a parameter `lowerdir+` for each layer.
    private func mountByParameters() throws(Errno) -> OwnedDescriptor {
        // Held until the super block is made: /proc/self/fd names them.
        var held: [SharedDescriptor] = []
        let context = try FileSystemContext("overlay")
        for layer in lower { try context.set("lowerdir+", Self.parameter(layer, &held, escapes: false)) }
        if let upper { try context.set("upperdir", Self.parameter(upper, &held, escapes: true)) }
        if let work { try context.set("workdir", Self.parameter(work, &held, escapes: true)) }
        for option in options { try context.set(option.key, option.value) }
        try context.set("source", "overlay")
        return try context.mount(attributes: attributes)
    }

    /// A path as fsconfig(2) takes it: one too long travels as an open descriptor. `upperdir` and `workdir` are unescaped
    /// by the kernel.
    private static func parameter(
        _ path: String, _ held: inout [SharedDescriptor], escapes: Bool
    ) throws(Errno) -> String {
        let needsEscape = escapes && path.utf8.contains(UInt8(ascii: "\\"))
        if path.utf8.count <= FileSystemContext.longestString && !needsEscape { return path }
        let descriptor = SharedDescriptor(try OwnedDescriptor.open(path, flags: O_PATH | O_DIRECTORY))
        held.append(descriptor)
        return "/proc/self/fd/\(descriptor.rawValue)"
    }
}
