"""From what an LMS or an exchange gives for download to submitted/STUDENT/NAME/NAME.ipynb.

Known are nbgrader's STUDENT/NAME/…, plain STUDENT/… and STUDENT.ipynb, Moodle's
"Full name_31_assignsubmission_file_/…" and Canvas's "lovelaceada_LATE_101_4711_…"; a folder or a
zip file. Who can't be told apart is listed, not guessed; what was left is said. An earlier hand-in
is kept as submitted/STUDENT/NAME/earlier/1_DATE.ipynb.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from course_lib.classroom.submission import LARGEST, Unreadable, parse, plain, read_file
from course_lib.errors import CourseError

MOODLE = re.compile(r"(?P<name>[^_/]+)_\d+_assignsubmission_file_?/?")
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)  # as browsers save it
INSTEAD = "no-notebook.txt"  # the names of what was handed in where no notebook was
CANVAS = re.compile(r"(?P<name>[^_/]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_")


def files(source: Path) -> Iterator[tuple[str, bytes | Unreadable | None]]:
    """Every file below a folder or in a zip file: its path inside, and a notebook's bytes.
    What a system wrote beside them is left out."""
    if source.is_file() and zipfile.is_zipfile(source):  # a pipe would be waited for
        with opened(source) as archive:
            for entry in archive.infolist():
                if not entry.is_dir() and not hidden(inside := named(entry)):
                    is_one = NOTEBOOK.search(inside)
                    yield inside, unpacked(archive, entry) if is_one else None
    elif source.is_dir():
        for path in sorted(source.rglob("*")):
            inside = path.relative_to(source).as_posix()
            if hidden(inside):
                continue
            if not NOTEBOOK.search(inside):
                if os.path.isfile(path):
                    yield inside, None
            else:
                try:
                    yield inside, read_file(path)
                except Unreadable as error:
                    yield inside, error
    else:
        raise CourseError(f"Expected a folder or a zip file of submissions, got {source}.")


def hidden(path: str) -> bool:
    """Whether a system wrote it beside what a student handed in."""
    parts = path.split("/")
    by_name = not path.endswith(".ipynb") and any(part.startswith(".") for part in parts)
    return by_name or not {".ipynb_checkpoints", "__MACOSX"}.isdisjoint(parts)


def opened(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise CourseError(
            f"{source} is a damaged zip file: {error}. Export it again."
        ) from error


def named(entry: zipfile.ZipInfo) -> str:
    """The name in a zip file; many programs write UTF-8 and don't say so."""
    try:
        return (
            entry.filename
            if entry.flag_bits & 0x800
            else entry.filename.encode("cp437").decode()
        )
    except UnicodeError:
        return entry.filename


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


def owners(path: str, roster: dict[str, dict[str, str]]) -> list[str]:
    """Whose file this may be, by its place; one name where it is certain."""
    top = path.split("/")[0]
    login = top if "/" in path else PurePosixPath(NOTEBOOK.sub(".ipynb", top)).stem
    if login in roster:
        return [login]
    if match := MOODLE.match(path):
        return [s for s, row in roster.items() if _words(row["name"]) == _words(match["name"])]
    if match := CANVAS.match(top):
        by_id = [s for s, row in roster.items() if row.get("canvas") == match["id"]]
        name = "".join(_words(match["name"]))
        return by_id or [s for s, row in roster.items() if name in _turned(row["name"])]
    return []


def _words(name: str) -> list[str]:
    """Without accents, which an LMS or a zip program may leave out or write otherwise; where a
    comma stands the given name comes first."""
    name = " ".join(reversed(name.split(",", 1)))
    apart = unicodedata.normalize("NFKD", name.casefold())
    return re.findall(r"\w+", "".join(c for c in apart if not unicodedata.combining(c)))


def _turned(name: str) -> set[str]:
    """Canvas writes the family name first: "Ada King Lovelace" may be lovelaceadaking."""
    words = _words(name)
    return {"".join(words[i:] + words[:i]) for i in range(len(words))}


def sorted_out(
    source: Path,
    name: str,
    roster: dict[str, dict[str, str]],
    form: re.Pattern = re.compile(""),
    rest: Iterable[str] = (),
) -> tuple[dict[str, dict[str, bytes]], dict[str, list[str]], list[str]]:
    """By student, the notebooks handed in and their bytes; by student, the files that can't be
    taken as one; a line for each notebook that is left. form: how a file's place must begin.
    rest: the class's other assignments, whose copies are left."""
    found: dict[str, dict[str, bytes]] = {}
    other: dict[str, list[str]] = {}
    left, elsewhere = [], set()
    for path, data in files(source):
        fits = owners(path, roster) if form.match(path) else []
        inside, told = PurePosixPath(path), plain(path, 200)
        if data is None:
            if len(fits) == 1:
                other.setdefault(fits[0], []).append(told)
        elif not fits:
            left.append(f"{told}: no student of the roster; rename it to LOGIN.ipynb")
        elif len(fits) > 1:
            left.append(f"{told}: of {' or '.join(fits)}? Rename it to LOGIN.ipynb")
        elif len(inside.parts) > 2 and inside.parent.name == inside.stem != name:
            left.append(f"{told}: of another assignment, {inside.stem}")
            elsewhere.add(inside.stem)
        elif isinstance(data, Unreadable):
            left.append(f"{told}: {data}")
            other.setdefault(fits[0], []).append(told)
        elif (of := made_as(data)) in rest:
            left.append(f"{told}: of another assignment, {of}")
            elsewhere.add(of)
        else:
            found.setdefault(fits[0], {})[path] = data
    for paths in other.values():
        paths[:] = (p for p in paths if elsewhere.isdisjoint(p.split("/")[1:-1]))
    return found, other, left


def made_as(data: bytes) -> str | None:
    """The assignment whose copy the notebook says it is."""
    try:
        return parse(data).made_as
    except Exception:  # no notebook: `grade` has the teacher look at it
        return None


def called(path: str, name: str) -> bool:
    """Whether the file has the name that it should have, or what an LMS or a browser makes of
    it."""
    return re.search(rf"(^|[/_]){name}(-\d+| \(\d+\))?\.ipynb$", path) is not None


def chosen(many: Iterable[str], name: str) -> str:
    """Of one student's files the one that is graded: of the right name, the last by name."""
    fits = [path for path in many if called(path, name)] or list(many)
    return max(fits, key=lambda path: (len(path), path))


def collect(
    source: Path,
    name: str,
    roster: dict[str, dict[str, str]],
    submitted: Path,
    rest: Iterable[str] = (),
) -> tuple[dict[str, str], list[str], list[str]]:
    """Copy; returns by student the file that was taken, a line for each that was left, and one for
    each earlier hand-in that was put aside. rest: the class's other assignments."""
    found, other, left = sorted_out(source, name, roster, rest=rest)
    aside = []
    taken = {student: chosen(found[student], name) for student in sorted(found)}
    for student, path in taken.items():
        folder = submitted / student / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(folder.glob("*.ipynb")):
            if to := put_aside(old, found[student][path]):
                aside.append(f"{student}: handed in anew; the earlier one is kept as {to}")
        for old in (folder / "late", folder / INSTEAD):
            old.unlink(missing_ok=True)
        (folder / f"{name}.ipynb").write_bytes(found[student][path])
        if late(found[student]):
            (folder / "late").touch()
        if others := [plain(p, 200) for p in found[student] if p != path]:
            left.append(
                f"{student}: {len(others) + 1} notebooks, {plain(path, 200)} was taken, "
                f"not {', '.join(others)}"
            )
    for student in sorted(s for s in other if other[s] and s not in found):
        named_so, folder = ", ".join(other[student][:9]), submitted / student / name
        left.append(f"{student}: no notebook that can be taken, but {named_so}")
        if not any(folder.glob("*.ipynb")):  # `grade` shall not say that nothing came
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INSTEAD).write_text(f"{named_so}\n", "utf-8")
    return taken, left, aside


def put_aside(old: Path, new: bytes) -> str:
    """Keep a notebook that another hand-in replaces, below earlier/; where, or "" where both are
    the same."""
    try:
        if read_file(old) == new:
            old.unlink()
            return ""
    except Unreadable:
        pass
    to = old.parent / "earlier"
    to.mkdir(exist_ok=True)
    day = time.strftime("%Y-%m-%d", time.localtime(old.lstat().st_mtime))
    to = old.rename(to / f"{len(list(to.iterdir())) + 1}_{day}.ipynb")
    return f"earlier/{to.name}"


def late(paths: Iterable[str]) -> bool:
    return any("_LATE_" in path for path in paths)
