"""Tables as CSV files: those that a teacher fills in, and those that a spreadsheet will open.

A text that a spreadsheet would run as a formula gets an apostrophe before it on writing, and
loses it on reading. What a teacher may have changed by hand is never overwritten unseen.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import re
from pathlib import Path

from course_lib import disk
from course_lib.classroom.grade import write
from course_lib.errors import CourseError

RISKY = ("=", "+", "-", "@", "\t", "\r")


def text(rows: list[list[str]]) -> str:
    """Rows as CSV, formulas disarmed."""
    out = io.StringIO()
    csv.writer(out).writerows(
        ["'" + cell if cell.startswith(RISKY) else cell for cell in row] for row in rows
    )
    return out.getvalue()


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by its first line, "" where a cell is missing, without empty rows; a
    CourseError where it is none."""
    try:
        said = disk.content(path).decode("utf-8-sig")
        head = said.partition("\n")[0]
        cut = ";" if head.count(";") > head.count(",") else ","  # as some countries' Excel
        rows = list(csv.DictReader(io.StringIO(said, newline=""), restval="", delimiter=cut))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise CourseError(f"{path} can't be read as a table (CSV in UTF-8): {why}.") from error
    rows = [{key: _armed(cell) for key, cell in row.items() if key} for row in rows]
    return [row for row in rows if any(row.values())]


def _armed(cell: str) -> str:
    return re.sub(r"^'(?=[=+@\t\r-])", "", cell.strip(" "))


def number(told: str, most: float | None, expected: str) -> float:
    """A number from 0 to `most` as a table says it; a CourseError for anything else."""
    with contextlib.suppress(ValueError):
        if 0 <= (points := float(told.replace(",", "."))) <= (1e6 if most is None else most):
            return points
    raise CourseError(f"{expected}, got {told!r}.")


def mark(content: str | bytes | None) -> str:
    """A short name for what was handed in, by which a line of a table belongs to it. It begins
    with a letter, so that no spreadsheet takes it for a number."""
    data = content.encode() if isinstance(content, str) else content or b""
    return "h" + hashlib.sha256(data).hexdigest()[:9]


def place(path: Path, content: str) -> str:
    """Write a table that is made anew each time. If it was changed by hand since, that one is
    kept beside it; returns what is to be said of this, or ""."""
    last, said = path.parent / ".written" / path.name, ""
    if path.exists() and path.read_bytes() != content.encode():
        before = last.read_bytes().decode("utf-8", "replace") if last.exists() else ""
        if mark(path.read_bytes()) != before:
            count = len(list(path.parent.glob(f"{path.stem}.by-hand-*"))) + 1
            aside = path.rename(path.with_name(f"{path.stem}.by-hand-{count}{path.suffix}"))
            said = (
                f"{path.name} was changed by hand and is kept as {aside.name}: such changes "
                "count only in decisions.csv and open/."
            )
    write(path, content)
    write(last, mark(content))
    return said
