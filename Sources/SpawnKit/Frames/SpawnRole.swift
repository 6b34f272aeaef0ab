/// What a fork of the spawner becomes.
///
/// The number is part of the frames. Each role is one exported C function `containerkit_role_<name>` of the module
/// that implements it, found by the linker (a weak reference): a program that does not link the module cannot ask
/// for the role.
package enum SpawnRole: UInt32, Sendable, CaseIterable {
    /// The parent of one container (ShimChild).
    case shim = 1
    /// Writes one layer of an image (BundleChild).
    case unpacker = 2
    /// Defined by the tests only: looks around in a fork.
    case probe = 63
}
