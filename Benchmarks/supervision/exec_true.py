"""exec-true: `true` in a container that runs. Ours by a call of the program, theirs by their command, as their users have it."""
import peers
from rows import in_turns


def measure(setting):
    ours = setting.ours("exec")
    try:
        ours.ask("start 1")
        with peers.Runtime(setting, "crun") as crun, peers.Runtime(setting, "runc") as runc:
            subjects = [("containerkit", lambda: ours.ask("exec")), ("crun", crun.exec_true), ("runc", runc.exec_true)]
            return in_turns("exec-true", "ms", subjects, setting.runs)
    finally:
        ours.end()
