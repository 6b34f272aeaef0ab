import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Image errors: codes and advice") struct ImageErrorAdviceTests {
    static let mappings: [(Errno, ImageError.Code)] = [
        (.noSpace, .storageFull), (.diskQuotaExceeded, .storageFull), (.fileTooLarge, .storageFull),
        (.permissionDenied, .permissionDenied), (.notPermitted, .permissionDenied), (.readOnlyFileSystem, .permissionDenied),
        (.noSuchFileOrDirectory, .notInStore),
        (.ioError, .storeUnusable), (.notDirectory, .storeUnusable), (.tooManyOpenFiles, .storeUnusable),
    ]

    @Test(arguments: mappings) func mapping(_ errno: Errno, _ code: ImageError.Code) {
        let error = ImageErrorAdvice.error(errno, .path("/store"), "it cannot be written")
        #expect(error.code == code)
        #expect(error.errno == errno)
        #expect(error.description.hasPrefix("/store: it cannot be written (\(errno))."))
    }

    @Test func descriptionsSayWhatToDo() throws {
        let reference = try Reference("team/app:1")
        let error = ImageError(.unauthorized, .reference(reference), "the registry wants credentials")
        #expect(error.description.hasPrefix("team/app:1: the registry wants credentials. Log in"))
        // One that has no advice ends with what happened.
        let cancelled = ImageError(.cancelled, .reference(reference), "the pull was cancelled")
        #expect(cancelled.description == "team/app:1: the pull was cancelled.")
    }

    @Test func credentialsAreNotShown() {
        let credentials = RegistryCredentials(username: "ada", password: "lovelace")
        #expect(!"\(credentials)".contains("lovelace"))
        #expect(!String(reflecting: credentials).contains("lovelace"))
        #expect(!"\(CredentialSource.fixed(["docker.io": credentials]))".contains("lovelace"))
        var configuration = RegistryConfiguration()
        configuration.credentials = .fixed(["docker.io": credentials])
        #expect(!"\(configuration)".contains("lovelace"))
    }
}
