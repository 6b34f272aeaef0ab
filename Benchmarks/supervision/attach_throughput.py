"""attach-throughput: a program in a container writes as fast as it can, and a reader looks at every byte. `pipe` is the same without a
container, by read(2) in a loop: nothing can be faster."""
import peers
from rows import in_turns


def measure(setting):
    size = setting.mebibytes << 20
    runs = max(3, min(setting.runs // 20, 10))
    ours = setting.ours("attach")
    try:
        with peers.Podman(setting) as podman:
            # A stream of a terminal's speed takes long enough with less.
            subjects = [
                ("pipe", lambda: ours.ask(f"stream pipe {size}")), ("containerkit", lambda: ours.ask(f"stream chunks {size}")),
                ("containerkit, lines", lambda: ours.ask(f"stream lines {size}")),
                ("podman attach", lambda: podman.attach_throughput(size // 4)),
            ]
            return in_turns("attach-throughput", "MiB/s", subjects, runs, warm_up=1)
    finally:
        ours.end()
