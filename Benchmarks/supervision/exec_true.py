"""exec-true: `true` in a container that runs. Ours by a call of the program, theirs by their command, as their users have it. All
containers have the confinement of ours, with Docker's filter of system calls and, in exec-true-unfiltered, without one."""
import json

import peers
from rows import in_turns


def measure(setting):
    return scenario(setting, "exec-true", "start 1") + scenario(setting, "exec-true-unfiltered", "start-unfiltered 1")


def scenario(setting, name, start):
    ours = setting.ours(name)
    try:
        ours.ask(start)
        [record] = (setting.work / name / "root/containers").glob("*/config.json")
        model = json.loads(record.read_text())["configuration"]
        with peers.Runtime(setting, "crun", model) as crun, peers.Runtime(setting, "runc", model) as runc:
            expected = peers.confinement(ours.text("exec-status"))
            for peer in [crun, runc]:
                if peer.confinement() != expected:
                    raise SystemExit(f"supervision: {peer.program} confines otherwise: {peer.confinement()}, not {expected}")
            subjects = [("containerkit", lambda: ours.ask("exec")), ("crun", crun.exec_true), ("runc", runc.exec_true)]
            return in_turns(name, "ms", subjects, setting.runs)
    finally:
        ours.end()
