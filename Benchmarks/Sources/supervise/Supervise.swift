import ContainerKit
import Foundation
import SystemPackage

/// A program that uses the package, driven line by line, so that the scenarios of `Benchmarks/supervision` can measure it in turns with its
/// peers.
///
/// supervise <directory> <layout> <block> [<durable-shim>]
///
/// Each line of standard input is a command with one answer:
/// start <count>, start-unfiltered <count>, run, exec, exec-status, stream chunks|lines|pipe <bytes>, resident <bytes>, delete.
@main
enum Supervise {
    static func main() async {
        let arguments = CommandLine.arguments
        guard [4, 5].contains(arguments.count) else {
            FileHandle.standardError.write(Data("usage: supervise <directory> <layout> <block> [<durable-shim>]\n".utf8))
            exit(2)
        }
        // A descriptor or two for each container.
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        do {
            try await serve(
                FilePath(arguments[1]), layout: FilePath(arguments[2]), block: FilePath(arguments[3]),
                shim: arguments.count > 4 ? FilePath(arguments[4]) : nil)
        } catch {
            FileHandle.standardError.write(Data("supervise: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func serve(_ directory: FilePath, layout: FilePath, block: FilePath, shim: FilePath?) async throws {
        try await withContainerEngine {
            $0.root = directory.appending("root")
            $0.run = directory.appending("run")
            $0.cgroupParent = "/containerkit-bench-supervise"
            $0.removesCgroupParent = true
            $0.durability = .none
            $0.durableShim = shim
        } operation: { engine in
            let image = try await engine.images.importLayout(layout, as: "local/busybox:bench")
            let containers = RunningContainers(engine: engine, image: image)
            let streams = StreamMeasurement(engine: engine, image: image, block: block)
            answer("ready")
            while let line = readLine() {
                let words = line.split(separator: " ").map(String.init)
                let number = words.last.flatMap { Int($0) } ?? 1
                switch words.first {
                case "start": answer(try await containers.start(number))
                case "start-unfiltered": answer(try await containers.start(number, isFiltered: false))
                case "run": answer(try await containers.run())
                case "exec": answer(try await containers.exec())
                case "exec-status": answer(try await containers.execStatus())
                case "delete": answer(try await containers.deleteAll())
                case "stream": answer(try await streams.measure(words[1], bytes: number))
                case "resident": answer(Ballast.hold(number))
                default: throw BenchmarkError("unknown command \(line)")
                }
            }
        }
    }

    private static func answer(_ value: some CustomStringConvertible) {
        FileHandle.standardOutput.write(Data("\(value)\n".utf8))
    }
}

struct BenchmarkError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
