"""Open the learner's own copies of the lessons in JupyterLab; what `make lab` runs.

Lessons are copied to `work/` when they are not there yet. What lies in `work/` belongs to the
learner and is never written again: when the course brings a newer version of a lesson, that is
put beside the old one as `NN_name.new.ipynb`, once, and said so. To start a lesson afresh,
delete or rename your copy. `work/.copies.json` remembers which version was handed out last.
A copy is written aside and then renamed, so that a full disk leaves no half lesson.
Arguments go to JupyterLab: `python notebooks/lab.py --port 9000`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_name(path: Path) -> Path:
    """`NN_name.new.ipynb` beside `path`, or `.new2`, `.new3` …: one that nobody uses."""
    number, free = 1, path.with_suffix(f".new{path.suffix}")
    while free.exists():
        number += 1
        free = path.with_suffix(f".new{number}{path.suffix}")
    return free


def write(path: Path, content: bytes) -> None:
    """Write a file in one step: whole, or, where there is no room, not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def remembered(manifest: Path) -> tuple[dict[str, str], list[str]]:
    """Which version of each lesson was handed out last, and a sentence if that can't be told."""
    try:
        found = json.loads(manifest.read_bytes())
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and all(isinstance(v, str) for v in found.values()):
        return found, []
    return {}, [
        f"work/{manifest.name} was damaged and is written anew: a lesson that you have changed "
        "may get the shipped one beside it once more."
    ]


def hand_out(shipped: Path, work: Path) -> list[str]:
    """Copy what is new in the folder `shipped` to `work`, overwriting nothing; returns what the
    learner should know, a line each. Raises OSError where `work` can't be written."""
    work.mkdir(exist_ok=True)
    for left in work.glob(".*.part"):  # of a start that was killed while it wrote
        left.unlink()
    manifest = work / ".copies.json"
    handed_out, messages = remembered(manifest)
    before = None if messages else dict(handed_out)
    for source in sorted((*shipped.glob("*.ipynb"), *shipped.glob("errata.md"))):
        content, target = source.read_bytes(), work / source.name
        version = hashlib.sha256(content).hexdigest()
        if target.exists():
            if handed_out.get(source.name) != version and target.read_bytes() != content:
                target = free_name(target)
                messages.append(
                    f"{source.name} has a newer version: work/{target.name}. "
                    f"Your own work/{source.name} is as you left it."
                )
        if not target.exists():
            write(target, content)
        handed_out[source.name] = version
    if handed_out != before:
        write(manifest, (json.dumps(handed_out, indent=1) + "\n").encode())
    return messages


def settings() -> dict[str, str]:
    """The environment that switches off, on JupyterLab's page, what learners have no use for:
    the question about news, and jupytext's writing of files beside a saved notebook.

    Where the home folder can't be written to, Jupyter's folders are temporary ones."""
    from jupyter_core import paths

    own = [str(ROOT / "notebooks" / ".lab"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    chosen = {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, own))}
    for kind in ("runtime", "data", "config"):
        try:
            Path(getattr(paths, f"jupyter_{kind}_dir")()).mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            chosen[f"JUPYTER_{kind.upper()}_DIR"] = tempfile.mkdtemp(prefix="jupyter-")
    return chosen


def refused(arguments: list[str]) -> str | None:
    """Why no server can listen at the address that is asked for, in a sentence, or None."""
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        name, found, address = word.partition("=")
        if name in ("--ip", "--ServerApp.ip"):
            address = address if found else after
            try:
                socket.create_server((address if address != "*" else "", 0)).close()
            except OSError as error:
                return (
                    f"This machine has no address {address!r} ({error.strerror or error}). "
                    "Leave --ip out, or take 127.0.0.1 (this machine only) or 0.0.0.0 (all)."
                )
    return None


def in_container() -> bool:
    return (
        any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
        or "container" in os.environ
        or "KUBERNETES_SERVICE_HOST" in os.environ
    )


def shares_network() -> bool:
    """Whether a container has the network of its host, as toolbox and distrobox have: a card of
    its own is a card of the host's, for others get a virtual one."""
    if Path("/run/.toolboxenv").exists() or "DISTROBOX_ENTER_PATH" in os.environ:
        return True
    return any(Path("/sys/class/net").glob("*/device"))


def sockets_fit() -> bool:
    """Whether kernels can be reached by files instead of ports: the paths have 107 bytes at most.

    Nobody else on the machine reaches a kernel then, and no two kernels want one port.
    """
    if os.name == "nt":
        return False
    from jupyter_core.paths import jupyter_runtime_dir

    name = "kernel-00000000-0000-0000-0000-000000000000.json-ipc-1"
    return len(os.fsencode(os.path.join(jupyter_runtime_dir(), name))) <= 107


def has_screen() -> bool:
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def arguments(root: Path, extra: list[str]) -> list[str]:
    """JupyterLab's arguments for this machine; one that the learner gives replaces ours."""
    chosen = [
        f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions={'jupyterlab_jupytext': False}",
        "--log-level=ERROR",  # what remains is the address, and what goes wrong
    ]
    first = next(iter(sorted((root / "work").glob("00_*.ipynb"))), None)
    if first:
        chosen.append(f"--LabApp.default_url=/lab/tree/work/{first.name}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        chosen.append("--allow-root")
    if sockets_fit():
        chosen.append("--KernelManager.transport=ipc")
    # A published port reaches only a server that listens on all addresses; with the host's own
    # network that would be the classroom's.
    if in_container() and not shares_network():
        chosen.append("--ip=0.0.0.0")
    if in_container() or not has_screen():
        chosen.append("--no-browser")

    def option(argument: str) -> str:
        return argument.partition("=")[0].lstrip("-").rpartition(".")[2]

    given = {option(argument) for argument in extra}
    return [argument for argument in chosen if option(argument) not in given] + extra


def main(extra: list[str]) -> None:
    work = ROOT / "work"
    if importlib.util.find_spec("jupyterlab") is None:
        sys.exit(
            f"JupyterLab is not installed for {sys.executable}. `make lab` sets everything up; "
            "by hand, see README: With conda, on Binder, on Windows."
        )
    try:
        messages = hand_out(ROOT / "notebooks", work)
    except OSError as error:
        sys.exit(
            f"Your copies of the lessons belong in {work}, but it cannot be written to "
            f"({error.strerror or error}). Copy the course to a folder of your own, free some "
            "space or change the permissions, and try again."
        )
    print("\n".join(messages), end="\n" if messages else "")
    environment = settings()
    os.environ.update(environment)
    chosen = arguments(ROOT, extra)
    if why := refused(chosen):
        sys.exit(why)
    if any(name.endswith("_DIR") for name in environment):
        print(
            "Your home folder can't be written to: JupyterLab forgets its settings at the end."
        )
    if "--no-browser" in chosen:
        print("No browser is opened here: open the address with 127.0.0.1 that follows.")
    if in_container() and shares_network():
        print("This container has its host's network, so only this machine reaches the server.")
    sys.stdout.flush()
    os.chdir(work)
    command = [sys.executable, "-m", "jupyterlab", *chosen]
    if os.name == "nt":
        sys.exit(subprocess.run(command).returncode)
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main(sys.argv[1:])
