"""Measures what containers that stay cost and how they are used: memory of their supervisors, exec, attach, and launches beside many of
them or much memory. Peers are measured in turns in the same run. One scenario a file; rows of these scenarios in the results are replaced.

Usage, as root: python3 supervision --program <supervise> --shim <durable-shim> --layout <program that makes a layout> --output <latest.json> [--only scenario,…]
BENCH_SUPERVISION_COUNT: containers of the largest measurement (1000); BENCH_SUPERVISION_RUNS: measured runs of each subject (200);
BENCH_SUPERVISION_GIB: resident memory of the largest measurement (4); BENCH_SUPERVISION_MIB: bytes of a stream (1024).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import attach_throughput
import exec_true
import run_true_at_containers
import run_true_at_memory
import shim_memory
from ours import Program

SCENARIOS = {"shim-memory": shim_memory, "exec-true": exec_true, "attach-throughput": attach_throughput,
             "run-true-at-containers": run_true_at_containers, "run-true-at-memory": run_true_at_memory}


class Setting:
    """What all scenarios share: the image, a scratch directory, and how much is measured."""

    def __init__(self, program, shim, layout_maker, work):
        self.program = program
        self.shim = shim
        self.work = work
        self.layout = work / "layout"
        self.block = work / "block"
        self.count = int(os.environ.get("BENCH_SUPERVISION_COUNT", "1000"))
        self.runs = int(os.environ.get("BENCH_SUPERVISION_RUNS", "200"))
        self.gibibytes = int(os.environ.get("BENCH_SUPERVISION_GIB", "4"))
        self.mebibytes = int(os.environ.get("BENCH_SUPERVISION_MIB", "1024"))
        subprocess.run([layout_maker, self.layout, "busybox:bench"], check=True, stdout=subprocess.DEVNULL)
        # Lines as logs have them: 100 bytes each.
        line = b"2026-01-01T00:00:00Z INFO request served path=/index.html status=200 bytes=4711 agent=bench time=0.00123"
        self.block.write_bytes((line[:99] + b"\n") * 41943)

    def ours(self, name, own_image=False):
        """The program, whose durable containers durable-shim supervises, or an image of its own."""
        directory = self.work / name
        directory.mkdir(exist_ok=True)
        return Program(self.program, directory, self.layout, self.block, *([] if own_image else [self.shim]))


def remove_cgroups():
    """Parents that an engine which was killed could not remove, and those that Podman and containerd never do. What is in use stays."""
    for parent in ["containerkit-bench-supervise", "containerkit-bench", "libpod_parent", "default"]:
        for place in [pathlib.Path("/sys/fs/cgroup"), *pathlib.Path("/sys/fs/cgroup").iterdir()]:
            for directory, _, _ in os.walk(place / parent, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--shim", type=pathlib.Path, required=True)
    parser.add_argument("--layout", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(SCENARIOS))
    options = parser.parse_args()
    # Podman makes an image's name of the path below it, which a random name with underscores is none of.
    work = pathlib.Path(f"/dev/shm/ck-supervision-{os.getpid()}")
    work.mkdir(mode=0o700)
    rows = []
    try:
        setting = Setting(options.program, options.shim, options.layout, work)
        for name in options.only.split(","):
            print(f"supervision: {name}", file=sys.stderr)
            rows += SCENARIOS[name].measure(setting)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", "--", work], check=True)
        remove_cgroups()
    known = json.loads(options.output.read_text()) if options.output.exists() else []
    names = {new["scenario"] for new in rows}
    options.output.write_text(json.dumps([old for old in known if old["scenario"] not in names] + rows, indent=2, sort_keys=True) + "\n")


main()
