"""The program that uses the package, driven by lines."""
import os
import pathlib
import signal
import subprocess


class Program:
    def __init__(self, program, directory, layout, block, *shim):
        self.arguments = [program, directory, layout, block, *shim]
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.answer() != "ready":
            raise SystemExit("supervision: the program did not start")

    def answer(self):
        return self.process.stdout.readline().strip()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        if not answer:
            raise SystemExit(f"supervision: {command}: the program ended with {self.process.wait()}")
        return float(answer)

    def text(self, command):
        """An answer of several lines, whose number comes first."""
        return "\n".join(self.answer() for _ in range(int(self.ask(command))))

    def helpers(self):
        """Process ids of the spawner, its forks in waiting, and the shims."""
        return [pid for pid in descendants(self.process.pid) if name(pid).startswith("ck-")]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        """Removes all containers of its directory, also those of a program that was killed."""
        self.ask("delete")
        self.process.stdin.close()
        self.process.wait(timeout=60)


def name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def descendants(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            children = pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            found.append(child)
            try:
                found += descendants(child)
            except OSError:
                pass
    return found
