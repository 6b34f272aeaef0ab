internal import CLinux
internal import FoundationEssentials
internal import LinuxSystem
internal import OCIModel
public import SystemPackage

/// The user's file of credentials, as `docker login` writes it: a password goes to the credential helper that the file names, else into
/// the file. Its calls block.
public struct CredentialFile: Sendable {
    /// `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    public let path: FilePath
    /// How long a credential helper may take. One minute by default.
    public var helperLimit: Duration = .seconds(60)

    /// - Parameter path: nil is the user's.
    /// - Throws: `.storeUnusable` when there is neither `$DOCKER_CONFIG` nor `$HOME`.
    public init(_ path: FilePath? = nil) throws(ImageError) {
        guard let path = path ?? DockerConfigurationFile.standardPaths().first else {
            throw ImageError(.storeUnusable, .path("~/.docker/config.json"), "there is no HOME to keep credentials in")
        }
        self.path = path
    }

    /// Keeps credentials, instead of those that were there.
    /// - Parameters:
    ///   - credentials: a name and a password, or a token.
    ///   - registry: as in references: `docker.io`, `localhost:5000`.
    /// - Returns: whether a credential helper has them; else they lie in the file, readable to the user (0600).
    /// - Throws: `.credentialHelperFailed`, `.permissionDenied`, `.malformedDocument` when the file is there and is not JSON.
    @discardableResult
    public func store(_ credentials: RegistryCredentials, for registry: String) throws(ImageError) -> Bool {
        if let helper = DockerConfigurationFile.load(path)?.helper(for: registry) {
            try CredentialHelper(helper.name, limit: helperLimit).store(credentials, for: helper.key)
            return true
        }
        var entry = JSONValue.object([:])
        if !credentials.username.isEmpty {
            let text = "\(credentials.username):\(credentials.identityToken == nil ? credentials.password : "")"
            entry["auth"] = .string(Data(text.utf8).base64EncodedString())
        }
        if let token = credentials.identityToken { entry["identitytoken"] = .string(token) }
        if let token = credentials.registryToken { entry["registrytoken"] = .string(token) }
        try change { file in
            var auths = Self.without(registry, file["auths"])
            auths[registry == Reference.defaultRegistry ? DockerConfigurationFile.hubKey : registry] = entry
            file["auths"] = auths
        }
        return false
    }

    /// Forgets the credentials of a registry, wherever they are kept.
    /// - Returns: whether there were any.
    @discardableResult
    public func erase(_ registry: String) throws(ImageError) -> Bool {
        guard let file = DockerConfigurationFile.load(path) else { return false }
        var had = file.credentials(for: registry) != nil
        if let helper = file.helper(for: registry) {
            let program = try CredentialHelper(helper.name, limit: helperLimit)
            had = try program.credentials(for: helper.key) != nil || had
            try program.erase(helper.key)
        }
        if had { try change { file in file["auths"] = Self.without(registry, file["auths"]) } }
        return had
    }

    private static func without(_ registry: String, _ auths: JSONValue?) -> JSONValue {
        guard case .object(let entries)? = auths else { return .object([:]) }
        return .object(entries.filter { !DockerConfigurationFile.host(of: $0.key, isFor: registry) })
    }

    /// Reads, changes and replaces the file in one step; where it is a symbolic link, what that points at.
    private func change(_ body: (inout JSONValue) -> Void) throws(ImageError) {
        var target = path
        do throws(Errno) {
            let directory = path.removingLastComponent()
            let made = ck_mkdirat(AT_FDCWD, directory.string, 0o700)
            if made != -Int(EEXIST), made != 0 { try check(made) }
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            if realpath(path.string, &buffer) != nil {
                target = FilePath(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
        } catch { throw ImageErrorAdvice.error(error, .path(path), "credentials cannot be stored") }
        let lock = try lock(target)
        defer { withExtendedLifetime(lock) {} }
        var file = JSONValue.object([:])
        var bytes: [UInt8] = []
        do throws(Errno) {
            bytes = try OwnedDescriptor.open(target.string, flags: O_RDONLY | O_NONBLOCK).readAll(limit: 4 << 20)
        } catch {
            if error != .noSuchFileOrDirectory { throw ImageErrorAdvice.error(error, .path(target), "it cannot be read") }
        }
        if !bytes.isEmpty { file = try Document.decode(JSONValue.self, bytes, .path(target)) }
        body(&file)
        let text = try Document.encode(file, .path(target), isPretty: true)
        do throws(Errno) {
            let new = "\(target).\(getpid()).\(UInt32.random(in: 0 ... .max))"
            let output = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            do throws(Errno) {
                try output.write(text)
                try check(ck_renameat2(AT_FDCWD, new, AT_FDCWD, target.string, 0))
            } catch {
                _ = ck_unlinkat(AT_FDCWD, new, 0)
                throw error
            }
        } catch { throw ImageErrorAdvice.error(error, .path(target), "credentials cannot be stored") }
    }

    /// Between programs that use this package.
    private func lock(_ target: FilePath) throws(ImageError) -> SharedDescriptor {
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(target.removingLastComponent().string, flags: O_RDONLY | O_DIRECTORY)
            let descriptor = directory.rawValue
            try retrying { ck_flock(descriptor, LOCK_EX) }
            return SharedDescriptor(directory)
        } catch { throw ImageErrorAdvice.error(error, .path(target), "credentials cannot be stored") }
    }
}
