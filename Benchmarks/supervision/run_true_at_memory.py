"""run-true-at-4-gib: a launch from a program that holds 0, 1 and 4 GiB, three programs in turns."""
from rows import in_turns


def measure(setting):
    sizes = [0, 1, setting.gibibytes] if setting.gibibytes > 1 else [0, setting.gibibytes]
    programs = []
    try:
        for size in sizes:
            ours = setting.ours(f"resident-{size}")
            programs.append((size, ours))
            # A launch first: the helper is there as it is in a program that has used the package before.
            ours.ask("run")
            ours.ask(f"resident {size << 30}")
        subjects = [(f"containerkit, {size} GiB", lambda ours=ours: ours.ask("run")) for size, ours in programs]
        return in_turns("run-true-at-4-gib", "ms", subjects, setting.runs)
    finally:
        for _, ours in programs:
            ours.end()
