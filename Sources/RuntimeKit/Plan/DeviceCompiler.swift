internal import OCIModel
internal import RuntimeChild

/// Device nodes and links in /dev. See: runtime-spec config-linux.md "Default Devices", "Dev symbolic links".
enum DeviceCompiler {
    /// Name, major and minor of what every container has (Documentation/admin-guide/devices.txt).
    private static let defaults: [(name: String, major: UInt32, minor: UInt32)] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ]
    private static let links: [(path: String, target: String)] = [
        ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"), ("/dev/ptmx", "pts/ptmx"),
    ]

    static func compile(_ configuration: RuntimeConfiguration) throws(RuntimeError) -> [LaunchStep] {
        let configured = configuration.linux?.devices ?? []
        // A /dev of the host has its nodes, and nothing is made in the host's directory.
        let isBound = (configuration.mounts ?? []).contains { mount in
            let isBind = mount.type == "bind" || (mount.options ?? []).contains { $0 == "bind" || $0 == "rbind" }
            return isBind && mount.destination.split(separator: "/") == ["dev"]
        }
        if isBound {
            if !configured.isEmpty {
                throw .invalid("linux.devices", "cannot be made in a /dev that is bound from the host", advice: "Mount a tmpfs on /dev.")
            }
            return []
        }
        var steps: [LaunchStep] = []
        var paths: Set<String> = []
        for (index, device) in configured.enumerated() {
            let step = try node(device, field: "linux.devices[\(index)]")
            guard case .makeDevice(let path, _, _, _, _, _, _) = step else { continue }
            guard paths.insert(path).inserted else { throw .invalid("linux.devices[\(index)].path", "\(path) is listed twice") }
            let parent = ContainerPath.parent(path)
            if parent != "/dev" { steps.append(.makeDirectory(path: parent, mode: 0o755)) }
            steps.append(step)
        }
        for device in defaults where !paths.contains("/dev/" + device.name) {
            steps.append(
                .makeDevice(
                    path: "/dev/" + device.name, type: .character, major: device.major, minor: device.minor, mode: 0o666, uid: 0, gid: 0))
        }
        for link in links where !paths.contains(link.path) { steps.append(.symlink(target: link.target, path: link.path)) }
        return steps
    }

    private static func node(_ device: RuntimeConfiguration.Device, field: String) throws(RuntimeError) -> LaunchStep {
        let path = try ContainerPath.checked(device.path, field: field + ".path")
        if path == "/" { throw .invalid(field + ".path", "is the root") }
        let type: DeviceType
        switch device.type {
        case "c", "u": type = .character
        case "b": type = .block
        case "p": type = .fifo
        default: throw .invalid(field + ".type", "\"\(device.type)\" is none of c, b, u and p")
        }
        let mode = device.fileMode ?? 0o666
        // The type of the file may be among the bits, as in st_mode.
        guard mode & 0o7777 <= 0o777, mode & ~0o177777 == 0 else {
            throw .invalid(field + ".fileMode", "\(mode) holds more than permissions")
        }
        for (name, id) in [("uid", device.uid), ("gid", device.gid)] where id == .max { throw .invalid("\(field).\(name)", "is no id") }
        let major = device.major ?? 0
        let minor = device.minor ?? 0
        if type == .fifo {
            guard major == 0, minor == 0 else { throw .invalid(field + ".major", "a FIFO has no numbers") }
        } else {
            guard device.major != nil, DeviceNumber.isMajor(major) else { throw .invalid(field + ".major", "\(major) is no major number") }
            guard device.minor != nil, DeviceNumber.isMinor(minor) else { throw .invalid(field + ".minor", "\(minor) is no minor number") }
        }
        return .makeDevice(
            path: path, type: type, major: UInt32(major), minor: UInt32(minor), mode: mode & 0o777, uid: device.uid ?? 0,
            gid: device.gid ?? 0)
    }
}
