import Glibc
import RuntimeKit

/// An OCI runtime command: `ckrun` in the place of runc, under Podman, containerd, Docker or by hand.
///
/// It makes containers in its own process, which has one thread for life: nothing here may start another, and nothing uses Swift's
/// concurrency.
@main
enum CKRun {
    static func main() {
        // A reader that is gone must not end a runtime in the middle of a launch.
        signal(SIGPIPE, SIG_IGN)
        var log = Log()
        do {
            let command = try GlobalOptions(Array(CommandLine.arguments.dropFirst()))
            if ["create", "run", "exec"].contains(command.verb) { try CommandRuntime.protectProgram() }
            log = try Log(command)
            log.debug("ckrun " + CommandLine.arguments.dropFirst().joined(separator: " "))
            exit(try Verb.run(command))
        } catch let failure as CommandFailure {
            log.error(failure.message)
            exit(failure.status)
        } catch let failure as RuntimeError {
            log.error(Wording.message(failure, program: nil))
            exit(1)
        } catch {
            log.error("\(error)")
            exit(1)
        }
    }
}
