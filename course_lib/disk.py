"""Files and folders: the paths that a learner means, files that are whole, one writer at a time.

A file gets its name when it is whole, so that a process killed at any moment leaves the old one or
none, never half of one. A lock is the operating system's: it ends with the process that holds it,
nothing has to be cleaned up after a kill, a stopped process still holds it, and numbers of
processes, which differ between containers, play no part.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from course_lib.errors import CourseError

STALE = 3600.0  # seconds after which a part that nobody finished is a killed process's
HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
DEEPEST = 300  # folders; Python walks up a path by recursion
WAIT = 0.05  # seconds between two looks at a lock that another process holds


def given(path: str | Path) -> Path:
    """The absolute path that a learner means, "~" spelt out; there need be nothing at it.

    Raises CourseError for what can't be a path here: too long, another user's home, no text.
    """
    try:
        if path == "":
            raise ValueError("it is empty; the working folder is '.'")
        place = Path(os.path.abspath(Path(path).expanduser()))
        if "\0" in str(place):
            raise ValueError("it has a zero byte")
        if len(place.parts) > DEEPEST:
            raise ValueError(f"it names more than {DEEPEST} folders in each other")
        place.exists()  # raises where that can't even be asked
    except FileNotFoundError as error:
        raise CourseError(
            "The folder in which this kernel was started is gone: restart the kernel in one that "
            "exists, or give whole paths."
        ) from error
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        told = f"{str(path)[:60]}…" if len(str(path)) > 60 else str(path)
        why = getattr(error, "strerror", None) or error
        raise CourseError(f"{told!r} can't be used as a path: {why}.") from error
    return place


def content(path: Path) -> bytes:
    """The bytes of a plain file. Raises OSError for a pipe or device, which might never end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "It is no plain file", str(path))
    return path.read_bytes()


def existing(folder: str | Path, purpose: str) -> Path:
    """The folder that a learner means. Raises CourseError where there is none for the purpose."""
    if not (place := given(folder)).is_dir():
        raise CourseError(f"There is no folder {place} {purpose}")
    return place


def writable(folder: str | Path) -> Path:
    """Create `folder` if need be and make sure that a file can be written there.

    Raises CourseError when it cannot: no permission, a file in the way, a read-only disk.
    """
    folder = given(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CourseError(
            f"Cannot write in {folder} ({error.strerror or error}). Choose a folder that is "
            "yours to write, or change its permissions."
        ) from error
    return folder


def require_room(what: str, need: int, folder: Path) -> None:
    """Raise CourseError where `need` bytes don't fit into `folder`, a part of the cache."""
    if need > (free := shutil.disk_usage(folder).free):
        raise CourseError(
            f"{what} takes {need / 1e9:.1f} GB; {folder} has {free / 1e9:.1f} GB left. Make "
            "room there, or let XDG_CACHE_HOME name a folder on a larger disk."
        )


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, which becomes `path` if the `with` ends well; else nothing changes.

    Raises OSError. What killed processes left of `path` is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_parts(path, older_than=STALE)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts(path: Path, older_than: float = 0.0) -> None:
    """Remove what was left, so many seconds ago, of files that should have become `path`."""
    for part in path.parent.iterdir() if path.parent.is_dir() else ():
        if part.name.startswith(f".{path.name}.") and part.name.endswith(".part"):
            with suppress(OSError):  # somebody else's, or gone by now
                if time.time() - part.stat().st_mtime >= older_than:
                    part.unlink()


@contextmanager
def alone(lock: Path, busy: str | None = None) -> Iterator[None]:
    """Within it no other process holds `lock`, an empty file of no other use.

    busy: what the CourseError says where one holds it; None: wait until it ends. Where the file
    system knows no locks, it warns and goes on without. Raises OSError.
    """
    if lock.is_fifo():
        raise OSError(errno.EINVAL, "A pipe is in the way", str(lock))  # opening it would wait
    with lock.open("ab") as file:
        while True:
            try:
                _lock(file)
                break
            except OSError as error:
                if error.errno not in HELD:
                    warnings.warn(
                        f"{lock.parent} can't be locked ({error}): see to it yourself that no "
                        "other kernel works there.",
                        stacklevel=3,
                    )
                    break
                if busy is not None:
                    raise CourseError(busy) from error
            time.sleep(WAIT)
        yield


try:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
