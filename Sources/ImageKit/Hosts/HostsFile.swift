internal import OCIModel
internal import SystemPackage

/// containerd's `hosts.toml`. See: containerd, docs/hosts.md.
struct HostsFile {
    let path: FilePath
    /// Reads the files that it names, relative to its own directory.
    let read: (FilePath) throws(ImageError) -> [UInt8]

    private func failure(_ line: Int, _ reason: String) -> ImageError {
        ImageError(.malformedDocument, .path(path), "line \(line): \(reason)")
    }

    /// - Throws: `.malformedDocument` with the line of anything that it does not understand.
    func policy(_ text: String) throws(ImageError) -> RegistryPolicy {
        let tables: [TOMLSubset.Table]
        do throws(TOMLSubset.Failure) { tables = try TOMLSubset.parse(text) } catch { throw failure(error.line, error.reason) }
        var policy = RegistryPolicy()
        var hosts: [String] = []
        for table in tables {
            switch table.name {
            case []:
                // `server` may stand behind settings that are about it.
                var rest = table.entries
                var server: RegistryHost?
                if let index = rest.firstIndex(where: { $0.key == ["server"] }) {
                    let entry = rest.remove(at: index)
                    server = RegistryHost(try address(string(entry), entry.line))
                    server?.capabilities = [.pull, .resolve, .push]
                }
                if var host = server {
                    for entry in rest { try set(entry, of: &host) }
                    policy.server = host
                } else if let entry = rest.first {
                    throw failure(entry.line, "\(entry.key.joined(separator: ".")) stands outside of a host, and there is no server")
                }
            case let name where name.count == 2 && name[0] == "host":
                var host = RegistryHost(try address(name[1], table.line))
                for entry in table.entries { try set(entry, of: &host) }
                hosts.append(name[1])
                policy.mirrors.append(host)
            case let name where name.count == 3 && name[0] == "host" && name[2] == "header":
                guard let index = hosts.firstIndex(of: name[1]) else { throw failure(table.line, "there is no host \(name[1]) before it") }
                for entry in table.entries { policy.mirrors[index].headers[entry.key.joined(separator: ".")] = try header(entry) }
            case ["header"] where policy.server != nil:
                for entry in table.entries { policy.server?.headers[entry.key.joined(separator: ".")] = try header(entry) }
            case ["host"] where table.entries.isEmpty: break
            default: throw failure(table.line, "the table \(table.name.joined(separator: ".")) is not known")
            }
        }
        return policy
    }

    private func set(_ entry: TOMLSubset.Entry, of host: inout RegistryHost) throws(ImageError) {
        switch entry.key {
        case ["capabilities"]:
            host.capabilities = []
            for name in try strings(entry.value, entry.line) {
                switch name {
                case "pull": host.capabilities.insert(.pull)
                case "resolve": host.capabilities.insert(.resolve)
                case "push": host.capabilities.insert(.push)
                default: throw failure(entry.line, "the capability \(name) is not known")
                }
            }
        case ["ca"]:
            for name in try strings(entry.value, entry.line) { host.trustRoots.append(try file(name)) }
        case ["client"]: host.clientCertificate = try client(entry)
        case ["skip_verify"]: host.skipsVerification = try boolean(entry)
        case ["override_path"]: host.overridesPath = try boolean(entry)
        case let key where key.count == 2 && key[0] == "header": host.headers[key[1]] = try header(entry)
        default: throw failure(entry.line, "\(entry.key.joined(separator: ".")) is not known")
        }
    }

    /// A file with both, or a pair of certificate and key.
    private func client(_ entry: TOMLSubset.Entry) throws(ImageError) -> ClientCertificate {
        var names: [String] = []
        if case .array(let values) = entry.value, values.count == 1, case .array = values[0] {
            names = try strings(values[0], entry.line)
        } else {
            names = try strings(entry.value, entry.line)
        }
        guard let first = names.first, names.count <= 2 else { throw failure(entry.line, "client names one certificate and its key") }
        return ClientCertificate(chain: try file(first), privateKey: try file(names.last ?? first))
    }

    private func file(_ name: String) throws(ImageError) -> [UInt8] {
        let named = FilePath(name)
        return try read(named.isAbsolute ? named : path.removingLastComponent().pushing(named))
    }

    private func string(_ entry: TOMLSubset.Entry) throws(ImageError) -> String {
        guard case .string(let text) = entry.value else { throw failure(entry.line, "\(entry.key.joined(separator: ".")) is no string") }
        return text
    }

    private func boolean(_ entry: TOMLSubset.Entry) throws(ImageError) -> Bool {
        guard case .boolean(let value) = entry.value else {
            throw failure(entry.line, "\(entry.key.joined(separator: ".")) is neither true nor false")
        }
        return value
    }

    private func strings(_ value: TOMLSubset.Value, _ line: Int) throws(ImageError) -> [String] {
        switch value {
        case .string(let text): return [text]
        case .array(let values):
            var texts: [String] = []
            for value in values {
                guard case .string(let text) = value else { throw failure(line, "an element of the array is no string") }
                texts.append(text)
            }
            return texts
        case .boolean: throw failure(line, "it is no string and no array of strings")
        }
    }

    /// A header's values are one string or several.
    private func header(_ entry: TOMLSubset.Entry) throws(ImageError) -> String {
        let text = try strings(entry.value, entry.line).joined(separator: ", ")
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw failure(entry.line, "a header holds a control character") }
        return text
    }

    private func address(_ text: String, _ line: Int) throws(ImageError) -> String {
        if text.hasPrefix("https://") || text.hasPrefix("http://") { return text }
        guard !text.isEmpty, !text.contains("://") else { throw failure(line, "\(text) is no address of a host") }
        return "https://" + text
    }
}
