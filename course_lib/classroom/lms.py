"""Into an LMS and back: points for Canvas's and Moodle's own exported tables, files in bulk.

Only the documented forms of both: their gradebook's CSV file, Moodle's zip of feedback files
("Full name_31_assignsubmission_file_/gan.html"), Canvas's zip of submissions under the names that
they had. Nothing else in a table is changed.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

from course_lib import disk
from course_lib.classroom import collect, tables
from course_lib.errors import CourseError

KEYS = ("SIS Login ID", "SIS User ID", "Email address", "ID number", "ID")


def read(path: Path) -> str:
    """The text of an exported table."""
    try:
        return disk.content(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} can't be read as a CSV file: {error}.") from None


def _rows(text: str, key: str | None) -> tuple[list[list[str]], int]:
    """The rows, and the place of the column that says who it is."""
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        raise CourseError(f"The LMS's table can't be read as CSV: {error}.") from error
    head = rows[0] if rows else []
    by = [head.index(name) for name in ((key,) if key else KEYS) if name in head]
    if not by:
        raise CourseError(
            f"Expected one of the columns {key or ', '.join(KEYS)} (--key) in the LMS's table; "
            f"its columns are {', '.join(head)}."
        )
    return rows, by[0]


def fill(
    text: str,
    points: dict[str, tuple[set[str], float, int]],
    column: str,
    key: str | None = None,
) -> tuple[str, list[str], list[str]]:
    """An LMS's exported table with points filled in; who isn't in it; what else is to be said.

    points: by student, what the LMS may call them (casefolded), their points, and of how many.
    column: its name, without Canvas's "(id)". Points are scaled to Canvas's "Points Possible"
    and Moodle's "Maximum grade".
    """
    rows, by = _rows(text, key)
    head = rows[0]
    at = [i for i, name in enumerate(head) if name == column or name.startswith(f"{column} (")]
    if len(at) != 1:
        raise CourseError(
            f"Expected one column {column!r} (--column) in the LMS's table; "
            f"its columns are {', '.join(head)}."
        )
    most = head.index("Maximum grade") if "Maximum grade" in head else None
    possible = "".join(r[at[0]] for r in rows[1:3] if r and r[0].strip() == "Points Possible")
    found, said = set(), set()
    for row in rows[1:]:
        who = row[by].strip().casefold() if len(row) == len(head) else ""
        for student, (ids, got, of) in points.items():
            if who in ids:
                told = (possible if most is None else row[most]) or str(of)
                full = tables.number(
                    told, None, f"Expected the LMS's most points for {student}"
                )
                said |= {f"points were scaled from {of} to {full:g}"} if full != of else set()
                row[at[0]] = f"{round(got * full / of, 2):g}"
                found.add(student)
    out = io.StringIO()
    out.write("\ufeff" * text.startswith("\ufeff"))
    csv.writer(out, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(rows)
    return out.getvalue(), sorted(set(points) - found), sorted(said)


def moodle(
    worksheet: str, ids: dict[str, set[str]], files: dict[str, str], name: str, to: Path
) -> list[str]:
    """A zip of feedback files called `name` for Moodle; returns who isn't in the grading worksheet.

    ids: by student, what the LMS may call them (casefolded). files: by student, the text.
    """
    rows, by = _rows(worksheet, None)
    head = rows[0]
    if not {"Identifier", "Full name"} <= set(head):
        raise CourseError(
            "Expected Moodle's grading worksheet, with the columns Identifier and Full name; "
            f"the columns are {', '.join(head)}."
        )
    number, full = head.index("Identifier"), head.index("Full name")
    entries, found = {}, set()
    for row in rows[1:]:
        who = row[by].strip().casefold() if len(row) == len(head) else ""
        for student, text in files.items():
            if who in ids[student] and (told := re.search(r"\d+", row[number])):
                person = re.sub(r"[\W_]+", " ", row[full]).strip()
                entries[f"{person}_{told[0]}_assignsubmission_file_/{name}"] = text
                found.add(student)
    _zip(to, entries)
    return sorted(set(files) - found)


def canvas(
    submissions: Path, name: str, roster: dict, files: dict[str, str], to: Path
) -> list[str]:
    """The downloaded submissions' names, each with the text of its student in place of the
    notebook that was graded; returns who isn't among them."""
    found = collect.sorted_out(submissions, name, roster, collect.CANVAS)[0]
    taken = {
        student: collect.chosen(found[student], name) for student in files if student in found
    }
    _zip(to, {Path(path).name: files[student] for student, path in taken.items()})
    return sorted(set(files) - set(taken))


def _zip(to: Path, entries: dict[str, str]) -> None:
    with disk.whole(to) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, text in entries.items():
            archive.writestr(entry, text)
