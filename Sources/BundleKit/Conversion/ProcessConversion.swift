internal import OCIModel

/// Entrypoint, command, environment and working directory by Docker's rules.
enum ProcessConversion {
    /// - Throws: `.noCommand`, `.invalidOption` for a NUL, which no argument can hold.
    static func arguments(_ image: ImageDefaults, _ options: BundleOptions) throws(BundleError) -> [String] {
        // An entrypoint of the user drops the image's command: it was meant for another program.
        let entrypoint = options.entrypoint ?? image.entrypoint
        let command = options.command ?? (options.entrypoint == nil ? image.command : [])
        let arguments = entrypoint + command
        guard let program = arguments.first, !program.isEmpty else {
            throw BundleError(.noCommand, .image, "Neither the image nor the options say what to run: give a command.")
        }
        guard !arguments.contains(where: { $0.utf8.contains(0) }) else {
            throw BundleError(.invalidOption, .option("command"), "An argument holds a NUL byte.")
        }
        return arguments
    }

    /// The image's environment, then the user's, then what is always there: PATH, HOSTNAME, TERM with a terminal, HOME.
    static func environment(
        _ image: ImageDefaults, _ options: BundleOptions, hostname: String, home: String
    ) throws(BundleError) -> [String] {
        var names: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values.updateValue(value, forKey: name) == nil { names.append(name) }
        }
        for entry in image.environment {
            // An entry without `=` means nothing to execve(2).
            guard let equals = entry.firstIndex(of: "="), equals != entry.startIndex else { continue }
            set(String(entry[..<equals]), String(entry[entry.index(after: equals)...]))
        }
        for (name, value) in options.environment.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty, !name.contains("="), !name.utf8.contains(0), !value.utf8.contains(0) else {
                throw BundleError(
                    .invalidOption, .option("environment"), "\(name.debugDescription) is no name, or the value holds a NUL byte.")
            }
            set(name, value)
        }
        if values["PATH"] == nil { set("PATH", Defaults.path) }
        if values["HOSTNAME"] == nil { set("HOSTNAME", hostname) }
        if options.terminal && values["TERM"] == nil { set("TERM", "xterm") }
        if values["HOME"] == nil { set("HOME", home) }
        return names.map { "\($0)=\(values[$0] ?? "")" }
    }

    /// - Throws: `.invalidOption` unless it is absolute.
    static func workingDirectory(_ image: ImageDefaults, _ options: BundleOptions) throws(BundleError) -> String {
        let path = options.workingDirectory ?? image.workingDirectory
        if path.isEmpty { return "/" }
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw BundleError(.invalidOption, .option("workingDirectory"), "\(path) is not absolute.")
        }
        return path
    }
}
