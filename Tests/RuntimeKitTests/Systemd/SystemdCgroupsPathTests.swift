import OCIModel
import RuntimeChild
import Testing

@testable import RuntimeKit

/// `slice:prefix:name`, as engines with the systemd driver write it.
@Suite struct SystemdCgroupsPathTests {
    private let id = ContainerID("one")!

    @Test(arguments: [
        ("system.slice:docker:abc", "system.slice", "docker-abc.scope"), (":docker:abc", "system.slice", "docker-abc.scope"),
        ("machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope"), ("a-b.slice::abc", "a-b.slice", "abc.scope"),
        ("-.slice:x:y", "-.slice", "x-y.scope"), ("", "system.slice", "ckrun-one.scope"),
    ]) func names(path: String, slice: String, unit: String) throws {
        let scope = try SystemdCgroupsPath.scope(path, container: id)
        #expect(scope.slice == slice && scope.unit == unit)
    }

    @Test func withoutAPathItIsNamedAfterTheContainer() throws {
        #expect(try SystemdCgroupsPath.scope(nil, container: id).unit == "ckrun-one.scope")
    }

    @Test(arguments: [
        "/a/path", "a:b", "a.slice:b:c:d", "nonesuch:docker:abc", "a--b.slice:docker:abc", "-a.slice:docker:abc", "a-.slice:docker:abc",
        "../a.slice:docker:abc", "a/b.slice:docker:abc", ".slice:docker:abc", "a.slice:docker:", "a.slice:docker:a/b", "a.slice:do cker:a",
        "a.slice:docker:a\nb", "a.slice:docker:" + String(repeating: "x", count: 256),
    ]) func whatIsNone(path: String) {
        let error = #expect(throws: RuntimeError.self) { try SystemdCgroupsPath.scope(path, container: id) }
        #expect(error?.code == .invalidField)
    }

    @Test func aContainerIsNoSlice() {
        let error = #expect(throws: RuntimeError.self) { try SystemdCgroupsPath.scope("a.slice:docker:b.slice", container: id) }
        #expect(error?.code == .unsupportedField)
    }

    @Test(arguments: [
        ("-.slice", ""), ("a.slice", "/a.slice"), ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("kubepods-burstable-pod1_2.slice", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice"),
    ]) func slicesLieInEachOther(name: String, path: String) { #expect(UnitName.path(ofSlice: name) == path) }
}
