"""Podman, containerd and the OCI runtimes of this machine, each with directories of its own; nothing of them is left."""
import json
import os
import shutil
import subprocess
import time

from memory import named


def command(*arguments, **options):
    result = subprocess.run(list(map(str, arguments)), stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise SystemExit(f"supervision: {' '.join(map(str, arguments))}: status {result.returncode}\n{result.stderr}")
    return result.stdout


def confinement(status):
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {name: fields[name].split() for name in ["Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
                                                    "Seccomp_filters"]}


class Peer:
    def __init__(self, setting, kind):
        self.setting = setting
        self.directory = setting.work / kind
        self.directory.mkdir()
        self.names = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        for line in sorted(open("/proc/self/mountinfo"), key=lambda line: line.split()[4], reverse=True):
            target = line.split()[4]
            if target.startswith(str(self.directory) + "/"):
                subprocess.run(["umount", "-l", target], check=False)
        shutil.rmtree(self.directory)


class Podman(Peer):
    """With crun, and what it keeps in memory, as the others."""

    def __init__(self, setting):
        super().__init__(setting, "podman")
        os.environ["CONTAINERS_STORAGE_CONF"] = str(self.directory / "storage.conf")
        (self.directory / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{self.directory}/run"\ngraphroot = "{self.directory}/root"\n')
        # Where this program may not raise its limits, Podman's own default fails.
        os.environ["CONTAINERS_CONF"] = str(self.directory / "containers.conf")
        (self.directory / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        self.base = ["podman", "--root", self.directory / "root", "--runroot", self.directory / "run", "--tmpdir",
                     self.directory / "tmp", "--cgroup-manager", "cgroupfs", "--runtime", "crun", "--events-backend", "file"]
        command(*self.base, "pull", "-q", f"oci:{setting.layout}:busybox:bench", cwd=setting.work)
        self.image = command(*self.base, "images", "-q").split()[0]

    def start(self, name, arguments, *options):
        command(*self.base, "run", "-d", "--name", name, "--network", "none", *options, self.image, *arguments)
        self.names.append(name)

    def supervisors(self):
        return named("conmon", str(self.directory))

    def attach_throughput(self, size):
        name = f"attach-{len(self.names)}"
        self.start(name, ["sh", "-c", "read line; while :; do cat /block; done"], "-i", "--log-driver", "none", "-v",
                   f"{self.setting.block}:/block:ro")
        process = subprocess.Popen(list(map(str, [*self.base, "attach", "--sig-proxy=false", name])), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, bufsize=0)
        time.sleep(0.5)
        begun = time.monotonic()
        process.stdin.write(b"\n")
        count = 0
        while count < size:
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                raise SystemExit("supervision: podman attach ended")
            count += len(chunk)
        speed = count / 1048576 / (time.monotonic() - begun)
        process.kill()
        process.wait()
        command(*self.base, "rm", "-f", "-t", "0", name)
        return speed

    def end(self):
        command(*self.base, "rm", "-f", "-a", "-t", "0")
        for _ in range(100):
            if not self.supervisors():
                break
            time.sleep(0.1)


class Containerd(Peer):
    def __init__(self, setting):
        super().__init__(setting, "containerd")
        configuration = self.directory / "config.toml"
        configuration.write_text(
            f'version = 2\nroot = "{self.directory}/root"\nstate = "{self.directory}/state"\n'
            f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "{self.directory}/s.sock"\n'
            f'[ttrpc]\n  address = "{self.directory}/t.sock"\n')
        self.daemon = subprocess.Popen(["unshare", "--net", "containerd", "-c", configuration], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=open(self.directory / "log", "w"))
        self.base = ["ctr", "-a", self.directory / "s.sock"]
        for _ in range(100):
            if subprocess.run(list(map(str, [*self.base, "version"])), capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        archive = self.directory / "layout.tar"
        layout = self.directory / "layout"
        shutil.copytree(setting.layout, layout)
        index = json.loads((layout / "index.json").read_text())
        self.image = "docker.io/library/busybox:bench"
        index["manifests"][0].setdefault("annotations", {})["io.containerd.image.name"] = self.image
        (layout / "index.json").write_text(json.dumps(index))
        command("tar", "-C", layout, "-cf", archive, ".")
        command(*self.base, "image", "import", "--snapshotter", "native", archive)

    def start(self, name, arguments):
        command(*self.base, "run", "-d", "--snapshotter", "native", "--runtime", "io.containerd.runc.v2", self.image, name, *arguments)
        self.names.append(name)

    def supervisors(self):
        return named("containerd-shim-runc-v2", str(self.directory))

    def end(self):
        for name in self.names:
            command(*self.base, "task", "kill", "-s", "9", name)
        time.sleep(1)
        for name in self.names:
            subprocess.run(list(map(str, [*self.base, "task", "rm", "-f", name])), capture_output=True)
            subprocess.run(list(map(str, [*self.base, "container", "rm", name])), capture_output=True)
        self.daemon.terminate()
        self.daemon.wait()


class Runtime(Peer):
    """A runtime command and one container, confined as the one whose runtime configuration is given."""

    def __init__(self, setting, program, model):
        super().__init__(setting, program)
        self.program = program
        self.path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.name = f"containerkit-bench-{os.getpid()}-{program}"
        # Debian's do not take it from the container.
        self.exec = [program, "exec", *(["--no-new-privs"] if model["process"].get("noNewPrivileges") else [])]
        bundle = self.directory / "bundle"
        root = bundle / "rootfs"
        for name in ["bin", "dev", "etc", "proc", "sys", "tmp"]:
            (root / name).mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin/busybox")
        for name in ["cat", "sh", "sleep", "true"]:
            (root / "bin" / name).symlink_to("busybox")
        command(program, "spec", "--bundle" if program == "runc" else "-b", bundle)
        configuration = json.loads((bundle / "config.json").read_text())
        configuration["process"] = {"terminal": False, **model["process"], "args": ["sleep", "1000000"]}
        configuration["linux"].pop("seccomp", None)
        if "seccomp" in model["linux"]:
            configuration["linux"]["seccomp"] = model["linux"]["seccomp"]
        configuration["linux"]["cgroupsPath"] = f"/containerkit-bench/{program}-exec"
        (bundle / "config.json").write_text(json.dumps(configuration))
        subprocess.run([program, "run", "--detach", "--bundle", bundle, self.name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       check=True)

    def confinement(self):
        """What a process of exec sees of it; the same for all, or the comparison says nothing."""
        return confinement(command(*self.exec, self.name, "cat", "/proc/self/status"))

    def exec_true(self):
        quiet = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
        begun = time.monotonic()
        pid = os.posix_spawn(self.path, [*self.exec, self.name, "true"], os.environ, file_actions=quiet)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            raise SystemExit(f"supervision: {self.program} exec: status {status}")
        return (time.monotonic() - begun) * 1000

    def end(self):
        command(self.program, "delete", "--force", self.name)
