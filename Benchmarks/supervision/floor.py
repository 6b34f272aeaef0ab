"""The C program that makes the system calls of a launch and nothing else, on an overlay, kept running."""
import shutil
import subprocess


class Floor:
    def __init__(self, setting, seccomp):
        root = setting.work / "floor-root"
        overlay = setting.work / "floor-overlay"
        for directory in [overlay, *[root / name for name in ["bin", "dev", "etc", "proc", "sys", "tmp"]]]:
            directory.mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin" / "busybox")
        (root / "bin" / "true").symlink_to("busybox")
        command = [setting.program.parent / "floor", "--root", root, "--overlay", overlay, "--filter", seccomp, "--serve"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self):
        """Milliseconds of one run."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"supervision: the floor ended with {self.process.wait()}")
        return int(answer) / 1e6

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
