"""run-true-at-1000-containers: a launch beside 0, 100 and 1,000 containers that run, as they grow; in turns with the floor, which shows what
of the growth is the kernel's."""
import subprocess

from floor import Floor
from ours import descendants, name
from rows import in_turns


def measure(setting):
    ours = setting.ours("containers")
    rows = []
    floor = None
    try:
        floor = Floor(setting, read_filter(setting, ours))
        running = 0
        for count in [0, min(100, setting.count // 10), setting.count]:
            if count > running:
                running = int(ours.ask(f"start {count - running}"))
            subjects = [(f"floor, {running} running", floor.run), (f"containerkit, {running} running", lambda: ours.ask("run"))]
            rows += in_turns("run-true-at-1000-containers", "ms", subjects, setting.runs, warm_up=5)
    finally:
        if floor:
            floor.end()
        ours.end()
    return rows


def read_filter(setting, ours):
    """The file with the seccomp program that containers of ours have."""
    ours.ask("start 1")
    container = next(pid for pid in descendants(ours.process.pid) if name(pid) == "sleep")
    path = setting.work / "filter"
    subprocess.run([setting.program.parent / "filter", str(container), path], check=True)
    ours.ask("delete")
    return path
