internal import BundleChild
internal import LinuxSystem
internal import SystemPackage

/// Who a container's process is, resolved inside the image.
package struct ResolvedUser: Sendable, Hashable {
    package var user: UInt32
    package var group: UInt32
    /// The own group first.
    package var additionalGroups: [UInt32]
    /// Of /etc/passwd, else `/`.
    package var home: String
}

/// Reads `user[:group]` by Docker's rules against an image's account files.
enum UserResolution {
    /// The largest account file that is read.
    private static let fileLimit = 4 << 20

    /// - Parameters:
    ///   - specification: `user`, `user:group`, each a name or an id; empty is root.
    ///   - extra: groups besides, names or ids.
    ///   - tree: the image's layers as one.
    /// - Throws: `.unknownUser`, `.storage`.
    static func resolve(_ specification: String, extra: [String], in tree: MergedTree) throws(BundleError) -> ResolvedUser {
        try resolve(
            specification, extra: extra, passwords: AccountFile.passwords(try text("/etc/passwd", tree)),
            groups: AccountFile.groups(try text("/etc/group", tree)))
    }

    static func resolve(
        _ specification: String, extra: [String], passwords: [PasswordEntry], groups: [GroupEntry]
    ) throws(BundleError) -> ResolvedUser {
        let parts = specification.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let userPart = parts.first ?? ""
        let groupPart = parts.count > 1 ? parts[1] : ""
        // A name that is in the file wins over a number, as in Docker.
        let account: PasswordEntry?
        let user: UInt32
        if userPart.isEmpty {
            account = passwords.first { $0.user == 0 }
            user = 0
        } else if let named = passwords.first(where: { $0.name == userPart }) {
            account = named
            user = named.user
        } else if let id = AccountFile.id(userPart) {
            account = passwords.first { $0.user == id }
            user = id
        } else {
            throw BundleError(
                .unknownUser, .user(specification),
                "The image's /etc/passwd has no user \(userPart), and it is no id of 0 to 4294967294.")
        }
        var resolved = ResolvedUser(user: user, group: account?.group ?? 0, additionalGroups: [], home: account?.home ?? "/")
        if resolved.home.isEmpty { resolved.home = "/" }
        if groupPart.isEmpty {
            if let account {
                resolved.additionalGroups = groups.filter { $0.members.contains(account.name) }.map(\.group)
            }
        } else {
            resolved.group = try group(groupPart, groups, specification)
        }
        // The own group too, as Docker since CVE-2022-36109: else a set-group-id program leaves it, and with it what is forbidden to it.
        resolved.additionalGroups.insert(resolved.group, at: 0)
        for name in extra { resolved.additionalGroups.append(try group(name, groups, name)) }
        var seen: Set<UInt32> = []
        resolved.additionalGroups = resolved.additionalGroups.filter { seen.insert($0).inserted }
        return resolved
    }

    private static func group(_ text: String, _ groups: [GroupEntry], _ specification: String) throws(BundleError) -> UInt32 {
        if let named = groups.first(where: { $0.name == text }) { return named.group }
        if let id = AccountFile.id(text) { return id }
        throw BundleError(
            .unknownUser, .user(specification), "The image's /etc/group has no group \(text), and it is no id of 0 to 4294967294.")
    }

    private static func text(_ path: String, _ tree: MergedTree) throws(BundleError) -> String {
        do throws(Errno) {
            guard let file = try tree.open(path) else { return "" }
            return String(decoding: try file.readAll(limit: fileLimit), as: UTF8.self)
        } catch {
            throw BundleError(.storage, .path(FilePath(path)), errno: error, "The image's file could not be read.")
        }
    }
}
