import ContainerKit

try await withContainerEngine { engine in
    let result = try await engine.run("alpine:3.20", ["echo", "hello"])
    print(result.status, result.standardOutput)  // exited(0) hello
}
