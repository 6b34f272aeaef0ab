internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension OverlayTree {
    /// A detached mount by mount(2), whose options must fit into one page: in a mount namespace that lives as long as
    /// this call, on a tmpfs with a short link to each layer, so that 500 layers of any depth fit and no path needs an
    /// escape. No mount appears in the caller's namespace.
    func mountByPath() throws(Errno) -> OwnedDescriptor {
        let pair = try SocketPair()
        let page: SharedPage
        do { page = try SharedPage() } catch { throw .noMemory }
        let pid = try ProcessClone.bare(ck_CLONE_NEWNS, exitSignal: SIGCHLD)
        if pid == 0 {
            do throws(Errno) {
                let mount = try assemble()
                try pair.far.send([1], descriptors: [mount.rawValue])
            } catch { page.fail(error) }
            ck_exit(0)
        }
        _ = try ReapedProcess.wait(for: .pid(pid), blocking: true)
        if let failure = page.failure { throw failure.errno }
        guard let message = try pair.near.receive(nonBlocking: true) else { throw .noChildProcess }
        var descriptors = message.takeDescriptors()
        guard let mount = descriptors.take() else { throw .noChildProcess }
        return mount
    }

    private func assemble() throws(Errno) -> OwnedDescriptor {
        try check(unsafe ck_mount(nil, "/", nil, UInt(ck_MS_REC | ck_MS_SLAVE), nil))
        let scratch = try FileSystemContext.mount("tmpfs", source: "tmpfs", options: [MountOption("mode", "700")], attributes: 0)
        // Over `/`, where it hides nothing: absolute paths start at the mount below.
        try scratch.moveMount(onto: "/")
        try check(ck_fchdir(scratch.rawValue))
        var text = "lowerdir="
        for (index, layer) in lower.enumerated() {
            try check(unsafe ck_symlinkat(layer, AT_FDCWD, String(index)))
            text += index == 0 ? "0" : ":\(index)"
        }
        for (name, path) in [("upper", upper), ("work", work)] {
            guard let path else { continue }
            try check(unsafe ck_symlinkat(path, AT_FDCWD, name))
            text += ",\(name)dir=\(name)"
        }
        for option in options { text += "," + option.key + (option.value.map { "=" + $0 } ?? "") }
        if text.utf8.count >= 4096 { throw .argListTooLong }
        try check(unsafe ck_mkdirat(AT_FDCWD, "merged", 0o700))
        try check(unsafe text.withCString { unsafe ck_mount("overlay", "merged", "overlay", 0, $0) })
        let mount = try OwnedDescriptor.cloneMount("merged", recursive: false)
        if attributes != 0 { try mount.setMountAttributes(set: attributes) }
        return mount
    }
}
