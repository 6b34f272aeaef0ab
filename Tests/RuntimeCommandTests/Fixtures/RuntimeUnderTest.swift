import Glibc
import SystemPackage
import TestSupport
import Testing

/// The OCI runtime command that the suite drives: ckrun, or by `CONTAINERKIT_OCI_RUNTIME=runc` (or `crun`, or a path) another, to see
/// that a test asks for what the specification says and not for what ckrun happens to do.
enum RuntimeUnderTest {
    static let path: String? = {
        if let given = getenv("CONTAINERKIT_OCI_RUNTIME") { return Command.find(String(cString: given)) }
        // Beside the test bundle: `.ci/build-package Examples` puts it there.
        guard let own = Files.link("/proc/self/exe") else { return nil }
        let candidates = [
            FilePath(own).removingLastComponent().appending("ckrun").string,
            FilePath(#filePath).removingLastComponent().appending("../../../.build/debug/ckrun").lexicallyNormalized().string,
        ]
        return candidates.first { access($0, X_OK) == 0 }
    }()

    static var name: String { path.flatMap { FilePath($0).lastComponent?.string } ?? "none" }
    static var isOurs: Bool { name == "ckrun" }
    static var isOnUnified: Bool { Files.exists("/sys/fs/cgroup/cgroup.controllers") }
}

extension Trait where Self == ConditionTrait {
    /// Only where there is a command to drive.
    static var needsRuntime: Self {
        .enabled(if: RuntimeUnderTest.path != nil, "not installed: ckrun; `.ci/build-package Examples` builds it")
    }
    /// What is ckrun's alone.
    static var ckrunOnly: Self { .enabled(if: RuntimeUnderTest.isOurs, "another runtime is under test") }
}
