"""shim-pss, shim-private-dirty and shim-page-tables: what the supervisors of N containers cost, spawner included, divided by N; and the one
that is left when its program and the spawner have ended. In two forms: forks of the static durable-shim, and of the program itself, as it is
without any configuration. Peers: conmon of Podman, containerd-shim of containerd, ten of each."""
import os
import pathlib
import re

import peers
from memory import page_tables, rollup, settle
from ours import name
from rows import row

PEERS = 10


def measure(setting):
    rows = {"shim-pss": [], "shim-private-dirty": [], "shim-page-tables": []}

    def add(subject, pids, count):
        pss, dirty = rollup(pids)
        for scenario, value in zip(rows, [pss, dirty, page_tables(pids)]):
            rows[scenario].append(row(scenario, subject, "KiB", [value / count]))

    for image, is_own in [("durable-shim", False), ("own image", True)]:
        ours(setting, is_own, lambda subject, pids, count: add(f"containerkit ({image}), {subject}", pids, count))
    with peers.Podman(setting) as podman:
        for number in range(PEERS):
            podman.start(f"memory-{number}", ["sleep", "1000000"])
        settle()
        add(f"conmon, N = {PEERS}", podman.supervisors(), PEERS)
    with peers.Containerd(setting) as containerd:
        for number in range(PEERS):
            containerd.start(f"memory-{number}", ["sleep", "1000000"])
        settle()
        add(f"containerd-shim, N = {PEERS}", containerd.supervisors(), PEERS)
    return [row for scenario in rows.values() for row in scenario]


def ours(setting, is_own, add):
    program = setting.ours("memory", own_image=is_own)
    running = 0
    try:
        for count in sorted({count for count in [1, 10, 100] if count < setting.count} | {setting.count}):
            running = int(program.ask(f"start {count - running}"))
            settle()
            shims = [pid for pid in program.helpers() if name(pid).startswith("ck-shim:")]
            if len(shims) < running:
                raise SystemExit(f"supervision: {running} containers have {len(shims)} shims")
            # The spawner that forks them, and the one that it has forked ahead.
            spawners = {parent(pid) for pid in shims}
            waiting = [pid for pid in program.helpers() if name(pid) == "ck-spare" and parent(pid) in spawners]
            add(f"N = {running}", shims + waiting + list(spawners), running)
            # Without those it is what a further container costs.
            add(f"N = {running}, shims alone", shims, running)
        program.ask("delete")
        program.ask("start 1")
        settle()
        shim = [pid for pid in program.helpers() if name(pid).startswith("ck-shim:")]
        program.kill()
        settle()
        add("lone survivor", shim, 1)
    finally:
        try:
            os.kill(program.process.pid, 0)
            program.kill()
        except OSError:
            pass
        setting.ours("memory").end()


def parent(pid):
    return int(re.search(r"PPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
