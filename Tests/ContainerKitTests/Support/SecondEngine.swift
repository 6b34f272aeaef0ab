import ContainerKit
import TestSupport

extension EngineFixture {
    /// Another engine of the same root: as another program has it.
    func withSecondEngine<Value>(_ body: (ContainerEngine) async throws -> Value) async throws -> Value {
        try await withContainerEngine {
            Self.configure(&$0, in: base)
            $0.removesCgroupParent = false
        } operation: {
            try await body($0)
        }
    }
}
