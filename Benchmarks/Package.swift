// swift-tools-version: 6.2
import PackageDescription

// A package of its own. All but `pull` depend on what needs no HTTP client, so that their release build does not take minutes.
let package = Package(
    name: "container-kit-benchmarks",
    dependencies: [
        .package(name: "container-kit", path: ".."),
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    ],
    targets: [
        // Runs all subjects in turns.
        .executableTarget(
            name: "bench",
            dependencies: [
                .product(name: "OCIModel", package: "container-kit"),
                .product(name: "BundleKit", package: "container-kit"),
                .product(name: "RuntimeKit", package: "container-kit"),
                .product(name: "ShimKit", package: "container-kit"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]),
        // One pull and unpack. The only one that needs the HTTP client: built for the pull scenarios alone.
        .executableTarget(
            name: "pull",
            dependencies: [
                .product(name: "ContainerKit", package: "container-kit"), .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]),
        // Containers that stay, driven by the scenarios of `supervision`.
        .executableTarget(
            name: "supervise",
            dependencies: [
                .product(name: "ContainerKit", package: "container-kit"), .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            ]),
        // The same container by the least number of system calls, in C.
        .executableTarget(name: "floor"),
        // Reads a seccomp program back from the kernel.
        .executableTarget(name: "filter"),
    ]
)
