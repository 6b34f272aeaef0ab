internal import OCIModel
internal import RuntimeChild
internal import RuntimeKit

extension RuntimeError {
    init(_ f: LaunchFailure, of plan: LaunchPlan) { self.init(.processSetupFailed, .host, "\(f)") }
    init(_ f: LaunchFailure, of plan: ExecPlan, container: ContainerID) { self.init(.processSetupFailed, .host, "\(f)") }
}
