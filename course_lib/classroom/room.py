"""A class's folder: its secret, its roster, its assignments, and what comes of them.

secret.key           from which all private numbers come
roster.csv           student (a login, names the folders), name, email
assignments/NAME/    this class's own copy of an assignment, to be changed at will
release/NAME/        copies to hand out: STUDENT/NAME.ipynb, or one NAME.ipynb for all
solved/NAME/         the teacher's copy
submitted/STUDENT/NAME/   as nbgrader's exchange writes it; earlier/ has what was replaced
results/NAME/, open/, feedback/STUDENT/NAME/, grades/
decisions.csv        what the teacher decided of exercises: student, exercise, points, why
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from types import SimpleNamespace

from course_lib.classroom import assignment, sandbox, tables
from course_lib.classroom.assignment import EVERYBODY, Assignment
from course_lib.classroom.grade import write
from course_lib.classroom.marks import DECISIONS
from course_lib.errors import CourseError, unknown

PLACES = sandbox.PACKAGE / "_assignments", sandbox.PACKAGE.parent / "notebooks" / "assignments"
PUBLIC = PLACES[not PLACES[0].is_dir()]  # in a wheel, or in a clone
LOGIN = re.compile(r"[\w@+=-][\w.@+= -]{0,63}")
ROSTER = "student,name,email\n"


def public() -> list[str]:
    """The names of the course's own assignments."""
    return sorted(path.parent.name for path in PUBLIC.glob("*/grader.py"))


def new(folder: Path, names: list[str]) -> Room:
    """Make a class, or give one more of the course's assignments; nothing is overwritten."""
    for name in names:
        if name not in public():
            raise CourseError(
                f"{unknown('assignment', name, public())} One of your own is a folder in "
                f"{folder / 'assignments'}, with notebook.py and grader.py; `release` finds it."
            )
    if sandbox.shown(folder.resolve()):
        raise CourseError(f"{folder} can be read inside the sandbox; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "secret.key").exists():
        fd = os.open(folder / "secret.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(32))
    for table, text in (("roster.csv", ROSTER), ("decisions.csv", tables.text([DECISIONS]))):
        if not (folder / table).exists():  # also beside a secret that came back from a copy
            (folder / table).write_text(text, "utf-8")
    for name in names:
        if not (folder / "assignments" / name).exists():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PUBLIC / name, folder / "assignments" / name, ignore=ignored)
    return Room(folder)


class Room:
    """The class in `folder`; a CourseError where `classroom new` didn't make one."""

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            self.secret = (folder / "secret.key").read_bytes()
        except OSError:
            raise CourseError(
                f"{folder} is no class: it has no secret.key. `classroom new {folder}` makes one."
            ) from None
        if len(self.secret) < 16:  # whoever guesses it knows everybody's numbers
            raise CourseError(
                f"{folder / 'secret.key'} is damaged: bring it back from a copy. Without it the "
                "numbers that were handed out can't be known; a new one makes new numbers."
            )

    def roster(self) -> dict[str, dict[str, str]]:
        """The rows of roster.csv by login."""
        found, taken = {}, {EVERYBODY}
        for row in tables.read(self.folder / "roster.csv"):
            if "student" not in row:
                raise CourseError(
                    f"roster.csv has no column `student`; its first line is {ROSTER.strip()!r}, "
                    f"not {','.join(row)!r}."
                )
            login = row["student"].strip()
            if not LOGIN.fullmatch(login) or login.casefold() in taken:
                raise CourseError(
                    f"roster.csv: {login!r} is no login for the column `student`: letters, "
                    "digits and .@+-= are allowed, each login once, capitals or not."
                )
            taken.add(login.casefold())
            found[login] = {"name": "", "email": ""} | {k: v.strip() for k, v in row.items()}
        if not found:
            raise CourseError(f"{self.folder / 'roster.csv'} has no student yet: one a line.")
        return found

    def names(self) -> list[str]:
        """The class's assignments."""
        return sorted(p.parent.name for p in (self.folder / "assignments").glob("*/grader.py"))

    def ids(self) -> dict[str, set[str]]:
        """What an LMS may call each student, and who else handed in: login and e-mail."""
        roster = self.roster()
        called = {path.name: {path.name.casefold()} for path in self.folder.glob("submitted/*")}
        for student, row in roster.items():
            called[student] = {student.casefold(), row["email"].casefold()} - {""}
        return called

    def assignment(self, name: str) -> Assignment:
        if name not in (known := self.names()):  # a path that leads elsewhere neither
            raise unknown("assignment of this class", name, known)
        return assignment.load(self.folder / "assignments" / name)

    def students(self, name: str) -> dict[str, Path]:
        """The roster, and whoever else handed in, with the folders of their submissions."""
        extra = sorted(p.parent.name for p in (self.folder / "submitted").glob(f"*/{name}"))
        logins = dict.fromkeys([*self.roster(), *filter(LOGIN.fullmatch, extra)])
        return {login: self.folder / "submitted" / login / name for login in logins}

    def numbers(self, given: Assignment, student: str) -> SimpleNamespace:
        """A student's numbers; everybody's, where one copy was handed out for all."""
        shared = (self.folder / "release" / given.name / f"{given.name}.ipynb").exists()
        return given.numbers(self.secret, EVERYBODY if shared else student)

    def seal(self, given: Assignment, student: str) -> str:
        """What this student's copy says of its numbers."""
        return given.seal(self.secret, self.numbers(given, student))

    def release(self, name: str, shared: bool) -> tuple[list[Path], list[Path]]:
        """Write the copies to hand out, and the teacher's with the first student's numbers. The
        copies, and those of them that had another text before."""
        given, out = self.assignment(name), self.folder / "release" / name
        one = out / f"{name}.ipynb"
        if out.exists() and one.exists() != shared:
            raise CourseError(
                f"{name} was handed out as {'one copy for all' if one.exists() else 'own copies'}"
                f" before; to change that, move {out} away first."
            )
        wanted = [EVERYBODY] if shared else list(self.roster())
        written, changed = [], []
        for student in wanted:
            values = given.numbers(self.secret, student)
            text = given.copy(values, student, seal=given.seal(self.secret, values))
            written.append(one if shared else out / student / one.name)
            if written[-1].exists() and written[-1].read_text("utf-8") != text:
                changed.append(written[-1])
            write(written[-1], text)
        values = given.numbers(self.secret, wanted[0])
        solved = self.folder / "solved" / name / one.name
        seal = given.seal(self.secret, values)
        write(solved, given.copy(values, wanted[0], solved=True, seal=seal))
        return written, changed
