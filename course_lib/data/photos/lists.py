"""CelebA's lists: a line for each image, its name and whole numbers behind it.

The original files separate by spaces, and the list of attributes begins with the number of its
lines and a line of names; Kaggle's copies are .csv files with a line of names each. Rows are
found by an image's name without its ending, so that a copy in another format has them too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from course_lib.data.photos import archives
from course_lib.errors import CourseError

ENDINGS = (".txt", ".csv")
ROWS = 1_000_000  # CelebA has 202,599


@dataclass(frozen=True)
class Table:
    """columns: their names, where the file has them. rows: stem -> its row in values (n, k)."""

    name: str
    columns: tuple[str, ...]
    rows: dict[str, int]
    values: np.ndarray

    def __contains__(self, file: str) -> bool:
        return stem(file) in self.rows

    def of(self, files: list[str]) -> np.ndarray:
        """The values of some files, int64 (len(files), k)."""
        return self.values[[self.rows[stem(file)] for file in files]]


def stem(file: str) -> str:
    """An image's name without folder and ending."""
    return file.rpartition("/")[2].rsplit(".", 1)[0]


def read(archive: archives.Archive, name: str) -> Table | None:
    """The list called `name` (without ending) in `archive` or beside it; None if there is none.

    Raises CourseError where a file of that name is no such list, or is cut off.
    """
    for ending in ENDINGS:
        for file in archive.files:
            if PurePosixPath(file).name == name + ending:
                return parse(archive.read(file), name + ending)
        beside = archives.Folder(archive.path.parent)
        if (beside.path / (name + ending)).is_file():
            return parse(beside.read(name + ending), name + ending)
    return None


def parse(content: bytes, name: str) -> Table:
    """The list in `content`; `name` is for messages."""
    if content.count(b"\n") > ROWS:
        raise _damaged(name, f"it has more than {ROWS:,} rows")
    lines = [line for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    promised, columns = None, ()
    if lines and lines[0].strip().isdecimal():
        promised = lines.pop(0).strip()
    if lines and not any(map(_is_number, _entries(lines[0])[1:])):
        columns = tuple(entry for entry in _entries(lines.pop(0)) if entry != "image_id")
    if not lines:
        raise _damaged(name, "it has no rows")
    if twice := [column for column, n in Counter(columns).items() if n > 1]:
        raise _damaged(name, f"its line of names has {twice[0]!r} twice")
    if promised not in (None, str(len(lines))):
        raise _damaged(
            name,
            f"its first line promises {promised[:20]} rows and it has {len(lines)}; if you "
            "shortened it yourself, correct that line",
        )
    width = len(columns) or len(_entries(lines[0])) - 1
    if width < 1:
        raise _damaged(name, "its rows have no numbers")
    rows, values = {}, np.empty((len(lines), width), dtype=np.int64)
    for i, line in enumerate(lines):
        file, *numbers = _entries(line)
        try:
            rows[stem(file)], values[i] = i, list(map(int, numbers))
            fits = len(numbers) == width  # NumPy would repeat a single one
        except (ValueError, OverflowError):
            fits = False
        if not fits:
            what = f"row {i + 1:,} is no name with {width} numbers: {line[:60]!r}"
            raise _damaged(name, what)
    return Table(name, columns, rows, values)


def _entries(line: str) -> list[str]:
    return line.replace(",", " ").split()


def _is_number(entry: str) -> bool:
    return entry.removeprefix("-").isdecimal()


def _damaged(name: str, what: str) -> CourseError:
    return CourseError(
        f"{name} is damaged or another file: {what}. A download that was cut off, or a page "
        "saved in its place, looks like that: fetch it again, or take it away to do without it."
    )
