"""shim-pss, shim-private-dirty and shim-page-tables: what the supervisors of N containers cost, spawner included, divided by N; and the one
that is left when its program and the spawner have ended. Peers: conmon of Podman, containerd-shim of containerd, ten of each."""
import os
import signal
import subprocess

import peers
from memory import named, page_tables, rollup, settle
from ours import name
from rows import row

PEERS = 10


def measure(setting):
    pss, dirty, tables = [], [], []

    def add(subject, pids, count):
        shared, private = rollup(pids)
        pss.append(row("shim-pss", subject, "KiB", [shared / count]))
        dirty.append(row("shim-private-dirty", subject, "KiB", [private / count]))
        tables.append(row("shim-page-tables", subject, "KiB", [page_tables(pids) / count]))

    ours = setting.ours("memory")
    running = 0
    try:
        for count in [1, 10, setting.count]:
            running = int(ours.ask(f"start {count - running}"))
            settle()
            helpers = ours.helpers()
            add(f"containerkit, N = {running}", helpers, running)
            # The program itself and its spare are no shims; without them it is what a further container costs.
            shims = [pid for pid in helpers if name(pid).startswith("ck-shim:")]
            if len(shims) < running:
                raise SystemExit(f"supervision: {running} containers have {len(shims)} shims")
            add(f"containerkit, N = {running}, shims alone", shims, running)
        ours.ask("delete")
        ours.ask("start 1")
        settle()
        shim = [pid for pid in ours.helpers() if name(pid).startswith("ck-shim:")]
        ours.kill()
        settle()
        add("containerkit, lone survivor", shim, 1)
    finally:
        try:
            os.kill(ours.process.pid, 0)
            ours.kill()
        except OSError:
            pass
        setting.ours("memory").end()
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
    return pss + dirty + tables
