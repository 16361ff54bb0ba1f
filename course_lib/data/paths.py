"""Where data and checkpoints lie, and where runs are written: one answer for every part.

The course runs from a clone, from an installed package, on Binder and on Colab. Each place is a
folder that may hold `digits.npz`, `checkpoints/` and the learner's own MNIST files; `roots()`
lists those that exist, first the one that the learner chose, and `find` looks through them all,
so that a folder with nothing but MNIST in it does not hide the data that came with the course.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from course_lib.errors import CourseError

PACKAGE = Path(__file__).resolve().parents[1]
MARKER = "digits.npz"


def _candidates() -> list[Path]:
    """Every place that may hold the course's own data, best first."""
    here = Path.cwd()
    clone = PACKAGE.parent / "data"
    around = [folder / "data" for folder in (here, *here.parents)]
    # On Colab the library may be installed while the clone lies beside the notebook.
    colab = sorted(Path("/content").glob("*/data")) if "google.colab" in sys.modules else []
    return [clone, PACKAGE / "_data", *around, *colab]


def cache_root() -> Path:
    """The per-user folder for what is downloaded; it may not exist yet."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "course_lib"


def download_root() -> Path:
    """Where downloads go: `COURSE_DATA` if it is set, else the cache."""
    chosen = os.environ.get("COURSE_DATA")
    return Path(chosen).expanduser() if chosen else cache_root()


def roots() -> list[Path]:
    """The folders that are searched, in this order: `COURSE_DATA`, the course's own, the cache.

    Raises CourseError when `COURSE_DATA` names a folder that does not exist.
    """
    found = []
    chosen = os.environ.get("COURSE_DATA")
    if chosen:
        folder = Path(chosen).expanduser()
        if not folder.is_dir():
            raise CourseError(
                f"COURSE_DATA is {chosen!r}, and there is no such folder. Create it and put "
                "the data there, or unset COURSE_DATA to use what came with the course."
            )
        found.append(folder)
    found += [folder for folder in _candidates() if (folder / MARKER).is_file()][:1]
    if cache_root().is_dir():
        found.append(cache_root())
    return found


def data_root() -> Path:
    """The first of `roots()`: the course's data folder unless `COURSE_DATA` names another."""
    found = roots()
    if not found:
        raise CourseError(
            "The course's data folder was not found. Looked for "
            + ", ".join(str(folder / MARKER) for folder in _candidates()[:3])
            + ". Run from a clone of the course, or set COURSE_DATA to its data/ folder."
        )
    return found[0]


def find(name: str | Path) -> Path:
    """The file or folder `name` (relative) in the first root that has it.

    Raises CourseError that lists the places looked at.
    """
    data_root()
    places = [folder / name for folder in roots()]
    for place in places:
        if place.exists():
            return place
    raise CourseError(
        f"{name} is missing. Looked at {', '.join(map(str, places))}. It comes with the "
        "course: restore it (git checkout -- data), or set COURSE_DATA to the folder that "
        "holds it."
    )


def runs_root() -> Path:
    """Where training keeps its runs: `runs/` in the working folder (it may not exist yet)."""
    return Path.cwd() / "runs"


def writable(folder: str | Path) -> Path:
    """Create `folder` if need be and make sure that a file can be written there.

    Raises CourseError when it cannot: no permission, a file in the way, a read-only disk.
    """
    folder = Path(folder).expanduser()
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
