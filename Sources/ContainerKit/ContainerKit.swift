// The values of the layers below are part of this module's API: `ExitStatus`, `Reference`, `FilePath`, `RuntimeError` and so on
// are there with `import ContainerKit` alone.
@_exported public import BundleKit
@_exported public import ImageKit
@_exported public import OCIModel
@_exported public import RuntimeKit
@_exported public import ShimKit
@_exported public import SystemPackage

@_exported public import struct SpawnKit.SpawnerConfiguration
