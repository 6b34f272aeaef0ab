internal import JSONCoding
internal import OCIModel
internal import SystemPackage

extension RuntimeState {
    /// The JSON of runtime-spec runtime.md, "State", with the members that engines know from runc besides: `rootfs`, `created`,
    /// `owner`.
    /// - Parameters:
    ///   - ownerName: the name of `owner`.
    ///   - isIndented: on several lines, for a person to read.
    public func json(ownerName: String, isIndented: Bool) -> String { value(ownerName: ownerName).text(isIndented: isIndented) }

    /// An array of states.
    public static func json(_ states: [RuntimeState], ownerName: (UInt32) -> String) -> String {
        JSONValue.array(states.map { $0.value(ownerName: ownerName($0.owner)) }).text()
    }

    private func value(ownerName: String) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("ociVersion", .string(RuntimeConfiguration.specificationVersion)), ("id", .string(id.description)),
            ("pid", .integer(Int64(pid))), ("status", .string(status.rawValue)), ("bundle", .string(bundle.string)),
            ("rootfs", .string(rootfs.string)), ("created", .string(created)),
        ]
        if !annotations.isEmpty {
            members.append(("annotations", .object(annotations.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })))
        }
        members.append(("owner", .string(ownerName)))
        return .object(members)
    }
}
