"""Open the learner's own copies of the lessons in JupyterLab; what `make lab` runs.

Lessons are copied to `work/` when they are not there yet. What lies in `work/` belongs to the
learner and is never written again: when the course brings a newer version of a lesson, that is
put beside the old one as `NN_name.new.ipynb`, once, and said so. To start a lesson afresh,
delete or rename your copy. `work/.copies.json` remembers which version was handed out last.
Arguments go to JupyterLab: `python notebooks/lab.py --port 9000`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_name(path: Path) -> Path:
    """`NN_name.new.ipynb` beside `path`, or `.new2`, `.new3` …: one that nobody uses."""
    number, free = 1, path.with_suffix(f".new{path.suffix}")
    while free.exists():
        number += 1
        free = path.with_suffix(f".new{number}{path.suffix}")
    return free


def hand_out(shipped: Path, work: Path) -> list[str]:
    """Copy what is new in the folder `shipped` to `work`, overwriting nothing; returns what the
    learner should know, a line each. Raises OSError where `work` can't be written."""
    work.mkdir(exist_ok=True)
    manifest = work / ".copies.json"
    try:
        handed_out = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError):
        handed_out = {}
    before, messages = dict(handed_out), []
    for source in sorted((*shipped.glob("[0-9][0-9]_*.ipynb"), *shipped.glob("*.md"))):
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
            with target.open("xb") as file:
                file.write(content)
        handed_out[source.name] = version
    if handed_out != before:
        manifest.write_text(json.dumps(handed_out, indent=1) + "\n", "utf-8")
    return messages


def settings() -> dict[str, str]:
    """The environment that switches off, on JupyterLab's page, what learners have no use for:
    the question about news, and jupytext's writing of files beside a saved notebook."""
    paths = [str(ROOT / "notebooks" / ".lab"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


def in_container() -> bool:
    return (
        any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
        or "container" in os.environ
        or "KUBERNETES_SERVICE_HOST" in os.environ
    )


def has_screen() -> bool:
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def arguments(root: Path, extra: list[str]) -> list[str]:
    """JupyterLab's arguments for this machine; one that the learner gives replaces ours."""
    chosen = [
        f"--ServerApp.root_dir={root}",
        "--ServerApp.jpserver_extensions={'jupyterlab_jupytext': False}",
        "--log-level=WARN",  # what remains is the address, and what goes wrong
    ]
    first = next(iter(sorted((root / "work").glob("00_*.ipynb"))), None)
    if first:
        chosen.append(f"--LabApp.default_url=/lab/tree/work/{first.name}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        chosen.append("--allow-root")
    if in_container():  # a published port reaches only a server that listens on all addresses
        chosen.append("--ip=0.0.0.0")
    if in_container() or not has_screen():
        chosen.append("--no-browser")

    def option(argument: str) -> str:
        return argument.partition("=")[0].lstrip("-").rpartition(".")[2]

    given = {option(argument) for argument in extra}
    return [argument for argument in chosen if option(argument) not in given] + extra


def main(extra: list[str]) -> None:
    work = ROOT / "work"
    try:
        messages = hand_out(ROOT / "notebooks", work)
    except OSError as error:
        sys.exit(
            f"Your copies of the lessons belong in {work}, but it cannot be written to "
            f"({error.strerror or error}). Copy the course to a folder of your own, free some "
            "space or change the permissions, and try again."
        )
    print("\n".join(messages), end="\n" if messages else "")
    chosen = arguments(ROOT, extra)
    if "--no-browser" in chosen:
        print("No browser is opened here: open the address with 127.0.0.1 that follows.")
    sys.stdout.flush()
    os.chdir(work)
    command = [sys.executable, "-m", "jupyterlab", *chosen]
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=os.environ | settings()).returncode)
    os.execve(sys.executable, command, os.environ | settings())


if __name__ == "__main__":
    main(sys.argv[1:])
