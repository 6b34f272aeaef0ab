internal import AsyncHTTPClient
internal import NIOHTTP1
internal import OCIModel

extension RegistryClient {
    /// Asks a registry whether it accepts the configured credentials, without asking for any content.
    ///
    /// - Parameter registry: as in references: `docker.io`, `localhost:5000`.
    /// - Throws: `.unauthorized` when it refuses them; what any request throws.
    public func checkCredentials(_ registry: String) async throws(ImageError) {
        var request = Request(registry, "", "", subject: .registry(registry))
        // The registry itself, never a mirror.
        request.capability = [.pull, .resolve, .push]
        do {
            try await send(request) { response, _ in await self.drain(response) }
        } catch let error as ImageError { throw error } catch is CancellationError {
            throw ImageError(.cancelled, .registry(registry), "the task was cancelled")
        } catch { throw ImageError(.serverFailed, .registry(registry), "its answer cannot be read", cause: error) }
    }
}
