"""One sandbox for one submission: bubblewrap, limits, and a watchdog outside.

Inside there is no network, nothing to write to but small memory disks, no process of anybody
else, no right answer: the interpreter, the course without its checks and lessons, the runner.
notebooks/teaching/security.md says what this holds and what it does not.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import course_lib
from course_lib.classroom import wire
from course_lib.errors import CourseError

PACKAGE = Path(course_lib.__file__).resolve().parent
HIDDEN = {
    "checks",
    "lessons",
    "classroom",
    "_assignments",
}  # what holds right answers, and the grader itself
SHELL = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/student"}
SHELL |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
SHELL |= {"COURSE_BUDGET": "smoke", "COURSE_PROGRESS": "0", "COURSE_STATIC": "1"}
SHELL |= {"MPLBACKEND": "agg", "MPLCONFIGDIR": "/tmp/mpl", "IPYTHONDIR": "/tmp/ipython"}
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--bounding-set=-all", "--no-new-privs"]
# Binds what root alone can reach (an interpreter under /root) to where nobody can, privately.
BIND = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; '
BIND = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BIND + 'exec "$@"', "sh"]


START = 120  # seconds that a busy machine may take until the runner answers


class Ended(Exception):
    """The sandbox is gone; the message says why, in the learner's words."""


class NotStarted(Exception):
    """There never was one; the submission has no part in that."""


@dataclass(frozen=True)
class Limits:
    """Seconds for the whole run, a cell and a question; bytes; and the kernel's own limits."""

    run: float = 60
    cell: float = 20
    question: float = 5
    memory: int = 3 << 30  # all processes of the sandbox together
    printed: int = 16 << 20  # past Python, by descriptor
    disk: int = 64 << 20
    left: int = 8  # processes that a cell may leave running
    kernel: dict = field(
        default_factory=lambda: {
            "NPROC": 48,
            "AS": 4 << 30,
            "FSIZE": 32 << 20,
            "CPU": 120,
            "CORE": 0,
            "NOFILE": 256,
        }
    )


USUAL = Limits()


def roots() -> list[Path]:
    """The folders that are shown inside: interpreter, its packages, the course, its data."""
    found = [Path(sys.prefix), Path(sys.base_prefix), PACKAGE, PACKAGE.parent / "data"]
    return [p for p in dict.fromkeys(found) if p.is_dir() and not p.is_relative_to("/usr")]


def shown(path: Path) -> bool:
    """Whether a folder lies in one that every submission can read."""
    return any(path.is_relative_to(p) for p in (Path("/usr"), *roots()) if p != PACKAGE)


def _reachable(path: Path) -> bool:
    """Whether somebody who owns nothing can get there."""
    return all(place.stat().st_mode & 1 for place in (path, *path.parents))


def _shown(place: dict[Path, Path]) -> list[str]:
    """bubblewrap's options for everything that can be read inside."""
    inside = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        if (top := Path("/", name)).is_symlink():
            inside += ["--symlink", os.readlink(top), str(top)]
        elif top.is_dir():
            inside += ["--ro-bind", str(top), str(top)]
    for path in roots():
        if path not in (PACKAGE, PACKAGE.parent / "data"):
            inside += ["--ro-bind", str(place[path]), str(path)]
    if shown(PACKAGE):  # installed among the packages: its checks are not to be found there
        inside += ["--size", "4096", "--tmpfs", str(PACKAGE), "--remount-ro", str(PACKAGE)]
    own, to = place[PACKAGE], "/course/course_lib"
    for entry in sorted(PACKAGE.iterdir()):
        if entry.name not in HIDDEN:
            inside += ["--ro-bind", str(own / entry.name), f"{to}/{entry.name}"]
    for name in ("__init__.py", "wire.py", "runner.py"):
        inside += ["--ro-bind", str(own / "classroom" / name), f"{to}/classroom/{name}"]
    silent = own / "classroom" / "silent_checks.py"
    inside += ["--ro-bind", str(silent), f"{to}/checks/__init__.py"]
    if (data := PACKAGE.parent / "data") in place:
        inside += ["--ro-bind", str(place[data]), "/course/data"]
    return inside


@functools.cache
def _staging() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="classroom-"))
    folder.chmod(0o755)
    for number, _ in enumerate(roots()):
        (folder / str(number)).mkdir()
    return folder


def command(limits: Limits, program: list[str]) -> tuple[list[str], list[str]]:
    """The command that starts `program` in a sandbox, "ARGS" standing for the number of the
    descriptor from which bubblewrap reads the options given second: on a command line a
    submission could read this machine's paths."""
    place, before = {path: path for path in roots()}, []
    if os.geteuid() == 0:  # the kernel doesn't hold root to its number of processes
        if not all(map(_reachable, roots())):
            place = {path: _staging() / str(i) for i, path in enumerate(roots())}
            before = [*BIND, *(str(p) for pair in place.items() for p in pair), "--"]
        before += NOBODY
    small = ["--size", str(limits.disk)]
    options = ["--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent"]
    options += ["--new-session", "--clearenv", "--hostname", "sandbox", "--cap-drop", "ALL"]
    # Before what is shown: an interpreter may lie below /tmp, and must not be covered.
    options += [*small, "--tmpfs", "/tmp", *_shown(place), "--proc", "/proc", "--dev", "/dev"]
    # /dev and its shm are memory without a bound otherwise
    options += ["--size", str(16 << 20), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    options += [*small, "--tmpfs", "/student"]
    for key, value in (SHELL | {"PYTHONPATH": "/course"}).items():
        options += ["--setenv", key, value]
    options += ["--chdir", "/student", "--remount-ro", "/"]
    return [*before, "bwrap", "--args", "ARGS", "--", *program], options


@functools.cache
def missing() -> str | None:
    """Why there is no sandbox on this machine, or None where there is one."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap is for Linux (macOS: a Linux machine or container; Windows: WSL2)"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    try:
        box = Sandbox(Limits(run=60))
    except Ended as error:
        return f"a sandbox was tried and {error}"
    box.close()
    return None


def demand() -> None:
    """A CourseError where submissions would not be held."""
    if (reason := missing()) is not None:
        raise CourseError(
            f"There is no sandbox here: {reason}. notebooks/teaching/security.md says where "
            "there is one. --trust-submissions runs them as you, with all that you may do."
        )


class Sandbox:
    """A started runner; `tell` and `hear` speak with it, `close` ends it and all within it."""

    def __init__(self, limits: Limits, trusted: bool = False):
        self.limits, self.why, self.peak = limits, None, 0
        self.deadline, self.seconds = time.monotonic() + START, START
        ask, self._ask = os.pipe()
        self._tell, tell = os.pipe()
        self._printed, printed = os.pipe()
        args, into = os.pipe()
        program = [sys.executable, "-m", "course_lib.classroom.runner", str(ask), str(tell)]
        program += [json.dumps(limits.kernel)]
        cmd, options = (program, []) if trusted else command(limits, program)
        env = os.environ | {"PYTHONPATH": str(PACKAGE.parent)} if trusted else {}
        home = tempfile.gettempdir() if trusted else "/"
        os.write(into, b"".join(option.encode() + b"\0" for option in options))
        os.close(into)
        self.printed, self._flood = b"", 0
        self.process = subprocess.Popen(
            [str(args) if part == "ARGS" else part for part in cmd],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=(ask, tell, args),
            cwd=home,
            env=env or {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
        )
        for fd in (ask, tell, printed, args):
            os.close(fd)
        self._threads = [threading.Thread(target=t) for t in (self._drain, self._watch)]
        for thread in self._threads:
            thread.start()
        try:
            self.hear(START)
        except (Ended, TimeoutError):
            self.kill(f"ran for more than {START:g} s in all")
            self.close()
            said = self.printed.decode("utf-8", "replace").strip()[-300:]
            raise NotStarted(said or self.why) from None
        self._own = len(_family(self.process.pid))
        self.seconds = limits.run  # a busy machine's start is nobody's time
        self.deadline = time.monotonic() + limits.run

    def tell(self, message: dict) -> None:
        try:
            wire.send(self._ask, message)
        except OSError:
            raise Ended(self.why or "ended the process") from None

    def hear(self, seconds: float) -> dict:
        """The next message; TimeoutError, or Ended where the sandbox is gone or talks nonsense."""
        try:
            return wire.receive(self._tell, min(self.deadline, time.monotonic() + seconds))
        except wire.WireError as error:
            self.kill(f"said something that is no answer ({error})")
        except EOFError:
            self.process.wait()  # the watchdog may have said why
            self.kill("ended the process")
        raise Ended(self.why)

    def left(self) -> int:
        """How many processes run that were not there at the start."""
        return len(_family(self.process.pid)) - self._own

    def kill(self, why: str) -> None:
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError):
            # bubblewrap's child is process 1 of its namespace: with it goes everybody in it
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill("closed")
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for fd in (self._ask, self._tell, self._printed):
            os.close(fd)

    def _drain(self) -> None:
        """Read what is printed past Python, keep its beginning, stop a flood."""
        while part := os.read(self._printed, 1 << 16):
            self.printed += part[: max(0, 4000 - len(self.printed))]
            self._flood += len(part)
            if self._flood > self.limits.printed:
                self.kill(f"printed more than {self.limits.printed >> 20} MB")

    def _watch(self) -> None:
        while self.process.poll() is None:
            used = sum(map(_memory, _family(self.process.pid)))
            self.peak = max(self.peak, used)
            if used > self.limits.memory:
                self.kill(f"used more than {self.limits.memory >> 20} MB of memory")
            if time.monotonic() > self.deadline:
                self.kill(f"ran for more than {self.seconds:g} s in all")
            time.sleep(0.05)


def _family(pid: int) -> list[int]:
    seen, todo = [], [pid]
    while todo:
        seen.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{seen[-1]}/task").iterdir():
                todo += map(int, (task / "children").read_text().split())
    return seen


def _memory(pid: int) -> int:
    """Bytes of a process; what forks share is divided among them."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return 1024 * sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", rollup, re.M)))
