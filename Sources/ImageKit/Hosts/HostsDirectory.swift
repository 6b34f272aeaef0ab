internal import CLinux
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// Directories with a folder for each registry: containerd's with `hosts.toml`, Docker's `certs.d` with certificates.
enum HostsDirectory {
    /// What the directories say of a registry; the first that has a folder for it counts. Blocks.
    /// - Returns: nil when none has one.
    static func policy(for registry: String, in directories: [FilePath]) throws(ImageError) -> RegistryPolicy? {
        for directory in directories {
            for name in names(of: registry) {
                let folder = directory.appending(name)
                guard let files = try files(in: folder) else { continue }
                if files.contains("hosts.toml") {
                    let path = folder.appending("hosts.toml")
                    let text = String(decoding: try read(path), as: UTF8.self)
                    return try HostsFile(path: path, read: { path throws(ImageError) in try read(path) }).policy(text)
                }
                if let host = try certificates(files, in: folder, registry) { return RegistryPolicy(server: host) }
            }
        }
        return nil
    }

    /// Folders that stand for a registry, most particular first. A colon may be written with underscores, as containerd does where file
    /// names cannot have one.
    private static func names(of registry: String) -> [String] {
        var names = [registry]
        if let colon = registry.lastIndex(of: ":"), !registry.hasSuffix("]") {
            names.append("\(registry[..<colon])_\(registry[registry.index(after: colon)...])_")
        }
        return names + ["_default"]
    }

    /// `*.crt` are authorities, `*.cert` with a `*.key` of the same name is a client's certificate.
    private static func certificates(
        _ files: [String], in folder: FilePath, _ registry: String
    ) throws(ImageError) -> RegistryHost? {
        var host = RegistryHost("https://\(RegistryEndpoint.apiHost(of: registry))")
        host.capabilities = [.pull, .resolve, .push]
        for name in files where name.hasSuffix(".crt") { host.trustRoots.append(try read(folder.appending(name))) }
        if let certificate = files.first(where: { $0.hasSuffix(".cert") }) {
            let key = certificate.dropLast(5) + ".key"
            guard files.contains(String(key)) else {
                throw ImageError(.malformedDocument, .path(folder.appending(certificate)), "there is no key \(key) beside the certificate")
            }
            host.clientCertificate = ClientCertificate(
                chain: try read(folder.appending(certificate)), privateKey: try read(folder.appending(String(key))))
        }
        return host.trustRoots.isEmpty && host.clientCertificate == nil ? nil : host
    }

    /// Sorted; nil when there is no such folder.
    private static func files(in folder: FilePath) throws(ImageError) -> [String]? {
        var names: [String] = []
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(folder.string, flags: O_RDONLY | O_DIRECTORY)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw ImageErrorAdvice.error(error, .path(folder), "the settings of a registry cannot be read")
        }
        return names.sorted()
    }

    private static func read(_ path: FilePath) throws(ImageError) -> [UInt8] {
        do throws(Errno) { return try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NONBLOCK).readAll(limit: 4 << 20) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "the settings of a registry cannot be read")
        }
    }
}
