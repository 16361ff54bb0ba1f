"""CelebA's lists: a line for each image, its name and whole numbers behind it.

The original files separate by spaces, and the list of attributes begins with the number of its
lines and a line of names; Kaggle's copies are .csv files with a line of names each. Rows are
found by an image's name without its ending, so that a copy in another format has them too.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from course_lib.data.photos.archives import Archive, read_file
from course_lib.data.photos.squares import Unfit
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


def read(archive: Archive, name: str) -> Table | None:
    """The list called `name` (without ending) in `archive` or beside it; None if there is none.

    Raises CourseError where a file of that name is no such list, or is cut off.
    """
    for file in (name + ending for ending in ENDINGS):
        inside = [member for member in archive.files if PurePosixPath(member).name == file]
        beside = archive.path.parent / file
        try:
            if inside or beside.exists():
                return parse(archive.read(inside[0]) if inside else read_file(beside), file)
        except (Unfit, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged(file, str(error)) from error
    return None


def parse(content: bytes, name: str) -> Table:
    """The list in `content`; `name` is for messages."""
    if content.count(b"\n") > ROWS:
        raise _damaged(name, f"it has more than {ROWS:,} rows")
    text = content.decode("utf-8", "replace").replace(",", " ")
    lines = list(filter(None, map(str.strip, text.splitlines())))
    promised = lines.pop(0) if lines and lines[0].isdecimal() else None
    columns = ()
    if lines and not any(e.removeprefix("-").isdecimal() for e in lines[0].split()[1:]):
        columns = tuple(entry for entry in lines.pop(0).split() if entry != "image_id")
    if not lines:
        raise _damaged(name, "it has no rows")
    if len(set(columns)) < len(columns):
        raise _damaged(name, f"a name occurs twice in its line of names, {' '.join(columns)}")
    if promised not in (None, str(len(lines))):
        raise _damaged(
            name,
            f"its first line promises {promised[:20]} rows and it has {len(lines)}; if you "
            "shortened it yourself, correct that line",
        )
    rows = [line.split(maxsplit=1) for line in lines]
    for i, row in enumerate(rows):
        if len(row) < 2:
            raise _damaged(name, f"row {i + 1:,} has no numbers: {lines[i][:60]!r}")
    try:
        values = np.loadtxt([row[1] for row in rows], np.int64, comments=None, ndmin=2)
    except ValueError as error:
        raise _damaged(name, str(error).partition(";")[0].rstrip(".")) from error
    if columns and len(columns) != values.shape[1]:
        raise _damaged(name, f"{len(columns)} names for {values.shape[1]} numbers in each row")
    return Table(name, columns, {stem(row[0]): i for i, row in enumerate(rows)}, values)


def _damaged(name: str, what: str) -> CourseError:
    return CourseError(
        f"{name} is damaged or another file: {what}. A download that was cut off, or a page "
        "saved in its place, looks like that: fetch it again, or take it away to do without it."
    )
