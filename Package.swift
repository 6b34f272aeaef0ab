// swift-tools-version: 6.2
import PackageDescription

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// The documentation plugin is a build tool of this repository's own, never of a package that depends on it.
let buildsDocumentation = ProcessInfo.processInfo.environment["CONTAINERKIT_DOCC"] != nil

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let http: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

let package = Package(
    name: "container-kit",
    products: [
        .library(name: "ContainerKit", targets: ["ContainerKit"]),
        .library(name: "ContainerTesting", targets: ["ContainerTesting"]),
        .library(name: "ImageKit", targets: ["ImageKit"]),
        .library(name: "BundleKit", targets: ["BundleKit"]),
        .library(name: "RuntimeKit", targets: ["RuntimeKit"]),
        .library(name: "ShimKit", targets: ["ShimKit"]),
        .library(name: "OCIModel", targets: ["OCIModel"]),
        .executable(name: "container-shim", targets: ["container-shim"]),
        .executable(name: "durable-shim", targets: ["durable-shim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.86.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
    ],
    targets: [
        // System libraries.
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CCapability", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

        // Foundations.
        .target(name: "CLinux"),
        .target(name: "CSpawnerEntry", dependencies: ["CLinux"]),
        .target(name: "LinuxSystem", dependencies: ["CLinux", system]),
        .target(name: "OCIModel", dependencies: [system]),
        .target(name: "JSONCoding"),
        .target(name: "SpawnKit", dependencies: ["CLinux", "CSpawnerEntry", "LinuxSystem", system]),

        // The child side: single-threaded for life, no Foundation, no concurrency.
        .target(name: "RuntimeChild", dependencies: ["CLinux", "LinuxSystem", system]),
        .target(name: "ShimChild", dependencies: ["CLinux", "LinuxSystem", "SpawnKit", "RuntimeChild", system]),
        .target(
            name: "BundleChild",
            dependencies: ["CLinux", "LinuxSystem", "SpawnKit", "CArchive", "CISAL", "CZstd", crypto, system]
        ),

        // The kits.
        .target(
            name: "ImageKit",
            dependencies: [
                "CLinux", "OCIModel", "LinuxSystem", "CISAL", "CZstd", http, nioCore, nioPosix, nioHTTP1, nioSSL, crypto, logging, system,
            ]
        ),
        .target(
            name: "BundleKit",
            dependencies: ["OCIModel", "LinuxSystem", "SpawnKit", "BundleChild", crypto, logging, system]
        ),
        .target(
            name: "RuntimeKit",
            dependencies: ["OCIModel", "JSONCoding", "LinuxSystem", "RuntimeChild", "CSeccomp", "CCapability", logging, system]
        ),
        .target(
            name: "ShimKit",
            dependencies: [
                "OCIModel", "JSONCoding", "LinuxSystem", "SpawnKit", "RuntimeKit", "RuntimeChild", "ShimChild",
                nioCore, nioPosix, logging, system,
            ]
        ),
        .target(
            name: "ContainerKit",
            dependencies: [
                "OCIModel", "LinuxSystem", "SpawnKit", "ImageKit", "BundleKit", "RuntimeKit", "ShimKit", "RuntimeChild", "ShimChild",
                http, nioCore, nioPosix, logging, system, .product(name: "Metrics", package: "swift-metrics"),
            ]
        ),
        .target(name: "ContainerTesting", dependencies: ["ContainerKit"]),

        // The spawner as an executable of its own, and the one of durable containers, which links statically.
        .target(name: "CShimExecutable"),
        .executableTarget(name: "container-shim", dependencies: ["SpawnKit", "ShimChild", "BundleChild", "CShimExecutable"]),
        .executableTarget(name: "durable-shim", dependencies: ["SpawnKit", "ShimChild", "CShimExecutable"]),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: ["OCIModel", "LinuxSystem", "SpawnKit", "CLinux", nioCore, nioPosix, nioHTTP1, crypto, system],
            path: "Tests/TestSupport"
        ),
        .testTarget(name: "TestSupportTests", dependencies: ["TestSupport", "CLinux", system]),
        .testTarget(name: "LinuxSystemTests", dependencies: ["CLinux", "LinuxSystem", "TestSupport", system]),
        .testTarget(name: "OCIModelTests", dependencies: ["OCIModel", "TestSupport", system], exclude: ["Schemas"]),
        // A program whose main must or must not run: what the spawner's constructor is tested with.
        .executableTarget(
            name: "SpawnProbe", dependencies: ["SpawnKit", "CSpawnerEntry", "LinuxSystem", "CLinux", system],
            path: "Tests/SpawnProbe"
        ),
        .testTarget(
            name: "SpawnKitTests",
            dependencies: [
                "SpawnKit", "LinuxSystem", "CLinux", "CSpawnerEntry", "TestSupport", "SpawnProbe", "container-shim", "durable-shim",
                system,
            ]
        ),
        // One of several programs with one image store.
        .executableTarget(
            name: "StoreProbe", dependencies: ["ImageKit", "OCIModel", logging, system], path: "Tests/StoreProbe"
        ),
        .testTarget(
            name: "ImageKitTests",
            dependencies: [
                "ImageKit", "StoreProbe", "OCIModel", "LinuxSystem", "CLinux", "TestSupport", nioCore, nioPosix, nioHTTP1, nioSSL, crypto,
                logging,
                system,
            ]
        ),
        .testTarget(
            name: "BundleKitTests",
            dependencies: ["BundleKit", "BundleChild", "OCIModel", "LinuxSystem", "SpawnKit", "TestSupport", crypto, system]
        ),
        .executableTarget(
            name: "LaunchProbe", dependencies: ["RuntimeChild", "LinuxSystem", "CLinux", system], path: "Tests/LaunchProbe"
        ),
        .testTarget(
            name: "RuntimeKitTests",
            dependencies: [
                "RuntimeKit", "RuntimeChild", "LaunchProbe", "BundleKit", "CSeccomp", "OCIModel", "LinuxSystem", "CLinux", "TestSupport",
                system,
            ]
        ),
        .executableTarget(
            name: "ShimProbe",
            dependencies: [
                "ShimKit", "ShimChild", "RuntimeChild", "SpawnKit", "CSpawnerEntry", "OCIModel", "LinuxSystem", "CLinux", nioPosix,
                logging, system,
            ],
            path: "Tests/ShimProbe"
        ),
        .testTarget(
            name: "ShimKitTests",
            dependencies: [
                "ShimKit", "ShimChild", "BundleKit", "RuntimeKit", "RuntimeChild", "SpawnKit", "OCIModel", "LinuxSystem", "CLinux",
                "TestSupport", "ShimProbe",
                nioPosix, logging, system,
            ],
            exclude: ["Frames"]
        ),
        .testTarget(
            name: "RuntimeCommandTests",
            dependencies: ["RuntimeKit", "RuntimeChild", "JSONCoding", "OCIModel", "LinuxSystem", "CLinux", "TestSupport", system]
        ),
        .testTarget(
            name: "ContainerKitTests",
            dependencies: [
                "ContainerKit", "TestSupport", "durable-shim", "OCIModel", "LinuxSystem", "SpawnKit", "CLinux", nioCore, nioPosix, crypto,
                system,
            ]
        ),
        // Pulls in a virtual machine until its power is cut.
        .executableTarget(
            name: "PowerCutProbe", dependencies: ["ContainerKit", "ImageKit", "OCIModel", "CLinux", crypto, system],
            path: "Tests/PowerCutProbe"
        ),
        // A service that keeps containers, for the guest with systemd.
        .executableTarget(
            name: "ServiceProbe", dependencies: ["ContainerKit", "OCIModel", "RuntimeKit", system], path: "Tests/ServiceProbe"
        ),
        .testTarget(name: "ContainerTestingTests", dependencies: ["ContainerTesting", "ContainerKit", "TestSupport", system]),
    ]
)

if buildsDocumentation {
    package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"))
    package.targets.append(.target(name: "DocC", path: "DocC"))
}

/// Targets that parse bytes nobody vouches for.
let parsesUntrustedInput: Set<String> = ["SpawnKit", "RuntimeChild", "ShimChild", "BundleChild"]

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") || target.name.hasPrefix("Container") {
    var settings: [SwiftSetting] = [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    if parsesUntrustedInput.contains(target.name) { settings.append(.strictMemorySafety()) }
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
