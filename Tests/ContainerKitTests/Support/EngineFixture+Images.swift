import ContainerKit
import TestSupport

extension EngineFixture {
    /// Imports an image from a layout made for this test.
    func image(_ image: TestImage, as name: String = "local/test:1") async throws -> Image {
        let layout = base.appending("layout-\(name.filter { $0.isLetter || $0.isNumber })")
        try image.write(layout: layout)
        return try await engine.images.importLayout(layout, as: name)
    }

    /// Busybox.
    func busybox() async throws -> Image { try await image(.busybox()) }
}
