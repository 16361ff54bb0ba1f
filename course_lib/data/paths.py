"""Where data and checkpoints lie, and where runs are written: one answer for every part.

The course runs from a clone, from an installed package, on Binder and on Colab. Each place is a
folder that may hold `digits.npz`, `checkpoints/` and the learner's own MNIST files; `roots()`
lists those that exist, first the one that the learner chose, and `find` looks through them all,
so that a folder with nothing but MNIST in it does not hide the data that came with the course.
A place that can't be told (no home, a working folder that is gone) is skipped until it is the
one that is needed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from course_lib.disk import existing, given
from course_lib.disk import writable as writable  # handed on: lessons say data.paths.writable
from course_lib.errors import CourseError

PACKAGE = Path(__file__).resolve().parents[1]
MARKER = "digits.npz"


def _candidates() -> list[Path]:
    """Every place that may hold the course's own data, best first."""
    around = []
    with suppress(CourseError):
        here = given(".")
        around = [folder / "data" for folder in (here, *here.parents)]
    # On Colab the library may be installed while the clone lies beside the notebook.
    colab = sorted(Path("/content").glob("*/data")) if "google.colab" in sys.modules else []
    return [PACKAGE.parent / "data", PACKAGE / "_data", *around, *colab]


def cache_root() -> Path:
    """The per-user folder for what is downloaded; it may not exist yet.

    Raises CourseError where nobody knows the user's home and none is named.
    """
    variable, usual = "XDG_CACHE_HOME", ".cache"
    if sys.platform == "win32":
        variable, usual = "LOCALAPPDATA", "AppData/Local"
    try:
        return Path(os.environ.get(variable) or Path.home() / usual) / "course_lib"
    except RuntimeError as error:
        raise CourseError(
            "The user's home folder isn't known here, so there is no place to keep data in. Set "
            f"{variable} to a folder that you may write to."
        ) from error


def download_root() -> Path:
    """Where downloads go: `COURSE_DATA` if it is set, else the cache."""
    chosen = os.environ.get("COURSE_DATA")
    return given(chosen) if chosen else cache_root()


def roots() -> list[Path]:
    """The folders that are searched, in this order: `COURSE_DATA`, the course's own, the cache.

    Raises CourseError when `COURSE_DATA` names a folder that does not exist.
    """
    folders = []
    if chosen := os.environ.get("COURSE_DATA"):
        remedy = (
            "as COURSE_DATA says. Create it and put the data there, or unset COURSE_DATA to use "
            "what came with the course."
        )
        folders.append(existing(chosen, remedy))
    # os.path's tests are False where a folder above may not be entered; Path's would raise.
    folders += [f for f in _candidates() if os.path.isfile(f / MARKER)][:1]
    with suppress(CourseError):
        folders += filter(os.path.isdir, [cache_root()])
    return folders


def places() -> list[Path]:
    """`roots()`, and the cache even where it doesn't exist yet, each once."""
    with suppress(CourseError):
        return list(dict.fromkeys([*roots(), cache_root()]))
    return roots()


def data_root() -> Path:
    """The first of `roots()`: the course's data folder unless `COURSE_DATA` names another."""
    folders = roots()
    if not folders:
        raise CourseError(
            "The course's data folder was not found. Looked for "
            + ", ".join(str(folder / MARKER) for folder in _candidates()[:3])
            + ". Run from a clone of the course, or set COURSE_DATA to its data/ folder."
        )
    return folders[0]


def find(name: str | Path) -> Path:
    """The file or folder `name` (relative) in the first root that has it.

    Raises CourseError that lists the places looked at.
    """
    data_root()
    tried = [folder / name for folder in roots()]
    for place in tried:
        if os.path.exists(place):
            return place
    raise CourseError(
        f"{name} is missing. Looked at {', '.join(map(str, tried))}. It comes with the "
        "course: restore it (git checkout -- data), or set COURSE_DATA to the folder that "
        "holds it."
    )


def runs_root() -> Path:
    """Where training keeps its runs: `runs/` in the working folder (it may not exist yet)."""
    return given("runs")
