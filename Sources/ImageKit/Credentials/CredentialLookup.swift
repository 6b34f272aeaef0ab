internal import OCIModel
internal import SystemPackage

extension CredentialSource {
    /// The credentials for a registry. Blocks: helpers are programs.
    /// - Throws: what a helper throws; a file that cannot be read is as none.
    func credentials(
        for registry: String, repository: String?, helperLimit: Duration
    ) throws(ImageError) -> RegistryCredentials? {
        let paths: [FilePath]
        switch self {
        case .none: return nil
        case .fixed(let byRegistry): return byRegistry[registry]
        case .dockerConfiguration: paths = DockerConfigurationFile.standardPaths()
        case .file(let path): paths = [path]
        }
        for path in paths {
            guard let file = DockerConfigurationFile.load(path) else { continue }
            if let helper = file.helper(for: registry) {
                let program = try CredentialHelper(helper.name, limit: helperLimit)
                if let found = try program.credentials(for: helper.key) { return found }
            }
            if let found = file.credentials(for: registry, repository: repository) { return found }
        }
        return nil
    }
}
