"""From what an LMS or an exchange gives for download to submitted/STUDENT/NAME/NAME.ipynb.

Known are nbgrader's STUDENT/NAME/…, plain STUDENT/… and STUDENT.ipynb, Moodle's
"Full name_31_assignsubmission_file_/…" and Canvas's "lovelaceada_LATE_101_4711_…"; a folder or a
zip file. Who can't be told apart is listed, not guessed.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from course_lib.classroom.submission import LARGEST, Unreadable, read_file
from course_lib.errors import CourseError

MOODLE = re.compile(r"(?P<name>[^_/]+)_\d+_assignsubmission_file_?/?")
CANVAS = re.compile(r"(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_")


def files(source: Path) -> Iterator[tuple[str, bytes | Unreadable]]:
    """Every notebook below a folder or in a zip file: its path inside, and its bytes."""
    if source.is_file() and zipfile.is_zipfile(source):  # a pipe would be waited for
        with opened(source) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".ipynb"):
                    yield entry.filename, unpacked(archive, entry)
    elif source.is_dir():
        for path in sorted(source.rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                try:
                    yield path.relative_to(source).as_posix(), read_file(path)
                except Unreadable as error:
                    yield path.relative_to(source).as_posix(), error
    else:
        raise CourseError(f"Expected a folder or a zip file of submissions, got {source}.")


def opened(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CourseError(
            f"{source} is a damaged zip file: {error}. Export it again."
        ) from error


def unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | Unreadable:
    """Up to one byte more than LARGEST, which is said later; Unreadable where it is damaged."""
    try:
        with archive.open(entry) as file:
            return file.read(LARGEST + 1)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        OSError,
        zlib.error,
    ) as error:
        return Unreadable(f"can't be unpacked: {error}")
    except EOFError:
        return Unreadable("can't be unpacked: it ends too early")


def owner(path: str, roster: dict[str, dict[str, str]]) -> str | None:
    """Whose file this is, by its place; None where no one student of the roster fits."""
    top = path.split("/")[0]
    login = top if "/" in path else top.removesuffix(".ipynb")
    if login in roster:
        return login
    if match := MOODLE.match(path):
        fits = [s for s, row in roster.items() if _words(row["name"]) == _words(match["name"])]
    elif match := CANVAS.match(top):
        fits = [s for s, row in roster.items() if match["name"] in _turned(row["name"])]
        fits = [s for s, row in roster.items() if row.get("canvas") == match["id"]] or fits
    else:
        fits = []
    return fits[0] if len(fits) == 1 else None


def _words(name: str) -> list[str]:
    return re.findall(r"\w+", name.casefold())


def _turned(name: str) -> set[str]:
    """Canvas writes the family name first: "Ada King Lovelace" may be lovelaceadaking."""
    words = _words(name)
    return {"".join(words[i:] + words[:i]) for i in range(len(words))}


def collect(
    source: Path, name: str, roster: dict[str, dict[str, str]], submitted: Path
) -> tuple[list[str], list[str]]:
    """Copy; returns who handed in, and a line for each file that was left where it is."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    left, late = [], set()
    for path, data in files(source):
        student = owner(path, roster)
        inside = PurePosixPath(path)
        if student is None:
            left.append(f"{path}: no student of the roster, or more than one")
        elif len(inside.parts) > 2 and inside.parent.name == inside.stem != name:
            left.append(f"{path}: of another assignment, {inside.stem}")
        elif isinstance(data, Unreadable):
            left.append(f"{path}: {data}")
        else:
            found.setdefault(student, []).append((path, data))
            late |= {student} if "_LATE_" in path else set()
    for student, many in found.items():
        folder = submitted / student / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in [*folder.glob("*.ipynb"), folder / "late"]:
            old.unlink(missing_ok=True)
        called = [f for f in many if re.search(rf"(^|[/_]){name}(-\d+)?\.ipynb$", f[0])] or many
        if len(called) > 1:
            left.append(f"{student}: {len(called)} notebooks, the last by name was taken")
        (folder / f"{name}.ipynb").write_bytes(max(called, key=lambda f: (len(f[0]), f[0]))[1])
        if student in late:
            (folder / "late").touch()
    return sorted(found), left
