// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that what only the examples need is no dependency of the library.
let containerKit: Target.Dependency = .product(name: "ContainerKit", package: "container-kit")

let package = Package(
    name: "container-kit-examples",
    products: [
        .executable(name: "quickstart", targets: ["quickstart"]),
        .executable(name: "ck", targets: ["ck"]),
        .executable(name: "demo", targets: ["demo"]),
        .executable(name: "ckrun", targets: ["ckrun"]),
    ],
    dependencies: [
        .package(name: "container-kit", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    ],
    targets: [
        // The nine lines of the first page.
        .executableTarget(name: "quickstart", dependencies: [containerKit]),
        // A command line in Docker's manner.
        .executableTarget(
            name: "ck", dependencies: [containerKit, .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        // An OCI runtime command, to be linked statically: a dynamic one starts slower than the container.
        .executableTarget(
            name: "ckrun",
            dependencies: [
                "CProtectedStart",
                .product(name: "RuntimeKit", package: "container-kit"), .product(name: "OCIModel", package: "container-kit"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], linkerSettings: [.unsafeFlags(["-Xlinker", "-e", "-Xlinker", "ckrun_start"])]),
        // Its entry point.
        .target(name: "CProtectedStart"),
        // What `make demo` runs.
        .executableTarget(name: "demo", dependencies: [containerKit]),
    ]
)

for target in package.targets where target.type == .executable {
    target.swiftSettings = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
