"""One training at a time in a run's folder, by a lock that is freed with the process that holds it.

The operating system keeps the lock, so that nothing has to be cleaned up after a kill, a stopped
process still holds it, and numbers of processes, which differ between containers, play no part.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from course_lib.errors import CourseError

NAME = ".lock"
HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within it nobody else trains in `folder`, or a CourseError at once.

    Where the file system knows no locks, it warns and goes on without.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / NAME).open("ab")
    except OSError as error:
        raise CourseError(
            f"Can't train in {folder}: {error}. Choose a folder that you may write to."
        ) from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in HELD:
                raise CourseError(
                    f"Another kernel is training in {folder}. Wait for it or stop it (a stopped "
                    "notebook's kernel may be alive: see Jupyter's list of running kernels), or "
                    "use another folder."
                ) from error
            warnings.warn(
                f"{folder} can't be locked ({error}): see to it yourself that no other kernel "
                "trains there.",
                stacklevel=2,
            )
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
