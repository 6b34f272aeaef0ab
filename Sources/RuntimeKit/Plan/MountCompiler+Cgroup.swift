internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild

extension MountCompiler {
    /// Shows the container its own cgroups. On v2 that is one mount; on v1 and hybrid a tmpfs with one mount for each
    /// hierarchy in use, as Docker and systemd lay it out. With a cgroup namespace the kernel shows the container's part only;
    /// without one on v1 the container's directories are bound, since a mount would show the whole tree.
    mutating func cgroupMount(_ options: MountOptions, at target: String, field: String) throws(RuntimeError) {
        guard let cgroup else {
            throw .hostLacks(
                field, "the container has no cgroup that could be shown", advice: "Leave the mount out, or give the engine a cgroup parent."
            )
        }
        let attributes = options.set.rawValue
        if cgroups.mode == .unified {
            // memory_recursiveprot and nsdelegate are the host's to choose.
            if let option = options.data.first {
                throw .unsupported(field + ".options", "the mount option `\(option.key)` is not supported")
            }
            steps.append(.mount(type: "cgroup2", source: "cgroup", target: target, options: [], attributes: attributes))
            return
        }
        let hasNamespace = configuration.hasNamespace(.cgroup)
        let writable = options.set.subtracting(.readOnly).rawValue
        let tmpfs = [MountOption("mode", "755"), MountOption("size", "64k")]
        if namespaces.changesUser {
            steps.append(.mount(type: "tmpfs", source: "cgroup", target: target, options: tmpfs, attributes: writable))
        } else {
            attach(.fileSystem(type: "tmpfs", source: "cgroup", options: tmpfs, attributes: writable), at: target)
        }
        for directory in cgroup.directories {
            guard let hierarchy = cgroups.hierarchies.first(where: { directory.path.hasPrefix($0.mountPoint + "/") }) else { continue }
            let name = String(hierarchy.mountPoint.split(separator: "/").last ?? "cgroup")
            let place = "\(target)/\(hierarchy.isUnified ? "unified" : name)"
            if hasNamespace {
                let flags = hierarchy.isUnified ? [] : hierarchy.mountOptions.map(Self.parameter)
                steps.append(
                    .mount(
                        type: hierarchy.isUnified ? "cgroup2" : "cgroup", source: "cgroup", target: place, options: flags,
                        attributes: attributes))
            } else {
                attach(
                    .bind(
                        source: directory.path, recursive: false, set: attributes, clear: 0, attributesRecursive: false,
                        propagation: MountPropagation([.slave, .recursive]).rawValue, field: field),
                    at: place)
            }
            // Programs look for `cpu` where the host has `cpu,cpuacct`.
            for controller in hierarchy.controllers where !hierarchy.isUnified && controller != name {
                steps.append(.symlink(target: name, path: "\(target)/\(controller)"))
            }
        }
        if options.set.contains(.readOnly) { steps.append(readOnly(target)) }
    }

    private static func parameter(_ option: String) -> MountOption {
        guard let equals = option.firstIndex(of: "=") else { return MountOption(option) }
        return MountOption(String(option[..<equals]), String(option[option.index(after: equals)...]))
    }
}
