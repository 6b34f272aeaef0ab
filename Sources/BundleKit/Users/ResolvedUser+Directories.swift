internal import BundleChild
internal import Glibc
internal import LinuxSystem
package import SystemPackage

extension ResolvedUser {
    /// Looks a user up in directories in overlay form, topmost first. Blocks: an engine keeps the answer.
    /// - Throws: `.unknownUser`, `.storage`.
    package static func resolve(_ specification: String, groups: [String], in layers: [FilePath]) throws(BundleError) -> ResolvedUser {
        var opened: [SharedDescriptor] = []
        for layer in layers {
            do throws(Errno) { opened.append(SharedDescriptor(try OwnedDescriptor.open(layer.string, flags: O_DIRECTORY))) } catch {
                throw .storage(error, layer)
            }
        }
        return try UserResolution.resolve(specification, extra: groups, in: MergedTree(opened))
    }
}
