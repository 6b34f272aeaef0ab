"""Memory as the kernel counts it."""
import pathlib
import time


def rollup(pids):
    """KiB of Pss and of private dirty pages of some processes together. See: man 5 proc_pid_smaps."""
    pss = dirty = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            words = line.split()
            if words[0] == "Pss:":
                pss += int(words[1])
            elif words[0] in ("Private_Dirty:", "Private_Hugetlb:"):
                dirty += int(words[1])
    return pss, dirty


def page_tables(pids):
    """KiB of page tables of some processes together. See: man 5 proc_pid_status."""
    lines = [line.split() for pid in pids for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(words[1]) for words in lines if words[:1] == ["VmPTE:"])


def named(text, parent=None):
    """Processes whose program is called so."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[0].rsplit(b"/", 1)[-1] == text.encode() and (parent is None or parent.encode() in b" ".join(arguments)):
            found.append(int(entry.name))
    return found


def settle():
    """What a start leaves behind for a moment is gone."""
    time.sleep(2)
