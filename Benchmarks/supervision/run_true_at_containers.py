"""run-true-at-1000-containers: a launch beside 0, 100 and 1,000 containers that run, in turns as they grow."""
from rows import row


def measure(setting):
    ours = setting.ours("containers")
    rows = []
    try:
        running = 0
        for count in [0, min(100, setting.count // 10), setting.count]:
            if count > running:
                running = int(ours.ask(f"start {count - running}"))
            values = [ours.ask("run") for _ in range(setting.runs + 5)][5:]
            rows.append(row("run-true-at-1000-containers", f"containerkit, {running} running", "ms", values))
    finally:
        ours.end()
    return rows
