import Glibc
import ImageKit
import Logging
import OCIModel
import SystemPackage

/// One of several programs that use one image store: what `StoreProcessTests` runs, and kills.
///
/// `StoreProbe <store> churn <registry> <worker> <operations> <seed>`: pulls, tags and deletes names of its own and names that all share,
/// and ends with the shared names pulled. Its own names that are left go to standard output.
/// `StoreProbe <store> collect`: collects garbage until standard input ends.
/// `StoreProbe <store> loop <registry>`: pulls an image, deletes it and collects, for ever.
@main
struct StoreProbe {
    let store: ContentStore
    let puller: ImagePuller
    let registry: String

    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            guard arguments.count >= 2 else { exit(64) }
            let store = try ContentStore(at: FilePath(arguments[0]), durability: .perImage)
            if arguments[1] == "collect" { return try collect(store) }
            var configuration = RegistryConfiguration()
            configuration.credentials = .none
            configuration.hostsDirectories = []
            let client = try RegistryClient(configuration, logger: Logger(label: "probe"))
            let probe = StoreProbe(store: store, puller: ImagePuller(store: store, client: client), registry: arguments[2])
            if arguments[1] == "loop" { try await probe.loop() }
            try await probe.churn(Int(arguments[3]) ?? 0, Int(arguments[4]) ?? 0, UInt64(arguments[5]) ?? 0)
            try await client.shutdown()
        } catch {
            let text = Array("StoreProbe: \(error)\n".utf8)
            _ = write(2, text, text.count)
            exit(1)
        }
    }

    private static func collect(_ store: ContentStore) throws {
        var rounds = 0
        var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while poll(&input, 1, 5) == 0 {
            try store.collectGarbage()
            rounds += 1
        }
        print(rounds)
    }

    private func pull(_ image: Int, as name: Reference) async throws {
        // Each image has one repository; what is wanted is its content under a name of ours.
        let source = try Reference("\(registry)/image/\(image):\(name.tag ?? "1")")
        _ = try await puller.pull(source, policy: .always)
        // Other programs may have deleted it, and its blobs may be on their way out: then once more.
        while try !store.tag(source, as: name) { _ = try await puller.pull(source, policy: .always) }
    }

    private func churn(_ worker: Int, _ operations: Int, _ seed: UInt64) async throws {
        var random = Generator(state: seed &+ UInt64(worker) &* 7919)
        var own: Set<Int> = []
        func mine(_ number: Int) throws -> Reference { try Reference("worker\(worker)/app:\(number)") }
        func shared(_ number: Int) throws -> Reference { try Reference("shared/app:\(number)") }
        for _ in 0..<operations {
            let number = Int.random(in: 0..<4, using: &random)
            let image = Int.random(in: 0..<5, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                try await pull(image, as: mine(number))
                own.insert(number)
            case 2: try await pull(number, as: shared(number))
            case 3:
                try store.removeName(mine(number))
                own.remove(number)
            case 4: try store.removeName(shared(number))
            default:
                let other = (number + 1) % 4
                if try store.tag(mine(number), as: mine(other)) { own.insert(other) }
            }
        }
        for number in 0..<4 { try await pull(number, as: shared(number)) }
        for number in own.sorted() { print(try mine(number).description) }
    }

    private func loop() async throws -> Never {
        let name = try Reference("\(registry)/image/0:1")
        while true {
            _ = try await puller.pull(name, policy: .always)
            try store.removeName(name)
            try store.collectGarbage()
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
