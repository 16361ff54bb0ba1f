"""CelebA's lists: a line for each image, its name and whole numbers behind it.

The original files separate by spaces, and the list of attributes begins with the number of its
lines and a line of names; Kaggle's copies are .csv files with a line of names each. Rows are
found by an image's name without its ending, so that a copy in another format has them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from course_lib.data.photos.sources import Source
from course_lib.errors import CourseError

ENDINGS = (".txt", ".csv")


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


def read(source: Source, name: str) -> Table | None:
    """The list called `name` (without ending) in `source` or beside it; None if there is none.

    Raises CourseError where a file of that name is no such list, or is cut off.
    """
    for ending in ENDINGS:
        for file in source.files:
            if PurePosixPath(file).name == name + ending:
                return parse(source.read(file), name + ending)
        beside = source.path.parent / (name + ending)
        if beside.is_file():
            return parse(beside.read_bytes(), name + ending)
    return None


def parse(content: bytes, name: str) -> Table:
    """The list in `content`; `name` is for messages."""
    lines = [line for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    promised, columns = None, ()
    if lines and lines[0].strip().isdecimal():
        promised = int(lines.pop(0))
    if lines and not any(map(_is_number, _entries(lines[0])[1:])):
        columns = tuple(entry for entry in _entries(lines.pop(0)) if entry != "image_id")
    if not lines:
        raise _damaged(name, "it has no rows")
    if promised is not None and promised != len(lines):
        raise _damaged(
            name,
            f"its first line promises {promised:,} rows and it has {len(lines):,}; if you "
            "shortened it yourself, correct that line",
        )
    width = len(columns) or len(_entries(lines[0])) - 1
    rows, values = {}, np.empty((len(lines), width), dtype=np.int64)
    for i, line in enumerate(lines):
        file, *numbers = _entries(line)
        try:
            rows[stem(file)], values[i] = i, list(map(int, numbers))
            fits = len(numbers) == width  # NumPy would repeat a single one
        except ValueError:
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
