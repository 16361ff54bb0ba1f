"""A teacher's commands: `python -m course_lib.classroom new | release | collect | …`

From nothing to marks: notebooks/teaching/assignments.md walks through all of them once.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from course_lib import grammar
from course_lib.classroom import (
    collect,
    feedback,
    grade,
    lms,
    marks,
    room,
    sandbox,
    submission,
    tables,
)
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.room import Room
from course_lib.errors import CourseError


def say(*lines: str) -> None:
    """Print the lines that say something."""
    for line in filter(None, lines):
        print(line)


def listed(what: str, names: Iterable[str]) -> str:
    """A line that lists them; "" where there is nobody."""
    return f"{what}: {', '.join(names)}." if names else ""


def make(options: argparse.Namespace) -> None:
    """Make a class with its own secret and private copies of assignments."""
    folder, wanted = options.folder, options.assignments or room.public()
    old = (folder / "secret.key").exists()
    before = Room(folder).names() if old else []
    room.new(folder, wanted)
    added = [name for name in wanted if name not in before]
    if not old:
        print(
            f"{folder}: write your students into roster.csv, then `release`. Keep secret.key."
        )
        return
    print(f"{folder} is a class already: its secret, roster and assignments stay as they are.")
    print(f"Added: {', '.join(added) or 'nothing'}.")


def release(options: argparse.Namespace) -> None:
    """Write the copies to hand out, each student's with numbers of their own."""
    place, name = Room(options.folder), options.assignment
    if options.moodle and options.one_for_all:
        raise CourseError("--moodle hands out own copies; one for all needs no zip file.")
    worksheet = lms.read(options.moodle) if options.moodle else ""
    written, changed = place.release(name, options.one_for_all)
    print(f"{len(written)} to hand out below {place.folder / 'release' / name}")
    if changed:
        print(
            f"{len(changed)} of them differ from those of an earlier `release`: hand them out "
            "again. Where numbers differ, `grade` has you look at the old ones."
        )
    if options.moodle:
        copies = {path.parent.name: path.read_text("utf-8") for path in written}
        to = place.folder / "release" / f"{name}.moodle.zip"
        packed(to, lms.moodle(worksheet, place.ids(), copies, f"{name}.ipynb", to))


def packed(to: Path, unfound: list[str]) -> None:
    say(f"For the LMS: {to}", listed("Not in the LMS's file, so not in this one", unfound))


def gather(options: argparse.Namespace) -> None:
    """Take in what an LMS (folder or zip) or nbgrader's exchange gives for download."""
    place = Room(options.folder)
    name, roster = place.assignment(options.assignment).name, place.roster()
    rest = [other for other in place.names() if other != name]
    taken, left, aside = collect.collect(
        options.source, name, roster, place.folder / "submitted", rest
    )
    late = {s for s in taken if (place.folder / "submitted" / s / name / "late").exists()}
    told = [f"{student} (late)" if student in late else student for student in taken]
    print(f"{len(taken)} handed in: {', '.join(told) or 'nobody'}.")
    before = [s for s in roster if s not in taken and has_handed_in(place, s, name)]
    missing = [s for s in roster if s not in taken and s not in before]
    say(listed("Handed in before", before), listed("Missing", missing))
    for student, path in taken.items():
        if not collect.called(path, name) and Path(path).stem != student:
            print(f"{student}: took {submission.plain(path, 200)} as {name}.ipynb")
    say(*aside, *(f"left: {line}" for line in left))


def has_handed_in(place: Room, student: str, name: str) -> bool:
    return any((place.folder / "submitted" / student / name).glob("*.ipynb"))


def mark(options: argparse.Namespace) -> None:
    """Run and judge every submission in a sandbox; started again, it goes on."""
    if not options.trust_submissions:
        sandbox.demand()
    place = Room(options.folder)
    given, students = place.assignment(options.assignment), place.students(options.assignment)
    sheet = place.folder / "open" / f"{given.name}.csv"
    marks.lines(sheet, given, students)  # what is wrong there is said before the long work
    decided(place, given, list(results_before(place, given)))  # those of earlier hand-ins
    results = graded(place, given, students, options)
    text, said = marks.open_sheet(sheet, given, results)
    grade.write(sheet, text)
    grade.write(sheet.with_suffix(".html"), feedback.open_page(given, results))
    choices, more = decided(place, given, results)
    say(*said, *more)
    odd = [result for result in results if result["look"]]
    for result in odd:
        done = " (decided)" if result["student"] in choices else ""
        print(f"look at {result['student']}{done}: {'; '.join(result['look'])}")
    print(f"{len(results)} graded, {len(odd)} to look at; logs in results/{given.name}/.")
    waits = any(result["student"] not in choices for result in odd)
    say("Decide in decisions.csv: student, exercise, points, why." if waits else "")
    if given.open:
        silent = [result["student"] for result in results if not result["written"]]
        say(listed("No open answer, so 0 points for it", silent))
        for same in sorted({tuple(sorted([s, *o])) for s, o in marks.alike(results).items()}):
            print(f"The same words in the open answers of {' and '.join(same)}.")
    standing = marks.standing(given, results, marks.open_marks(sheet, given, results), choices)
    if given.open and any(result["open"] is None for result in standing):
        print(f"The open question: read open/{given.name}.html, fill in open/{given.name}.csv.")
    elif not any(result["todo"] for result in standing):
        print("Nothing is left to decide or to mark.")


def graded(place: Room, given, students: dict, options: argparse.Namespace) -> list[dict]:
    limits = dataclasses.replace(sandbox.USUAL, run=options.seconds)
    results = grade.grade_class(
        given,
        students,
        {student: place.numbers(given, student) for student in students},
        place.folder / "results" / given.name,
        jobs=options.jobs,
        again=options.again,
        limits=limits,
        trusted=options.trust_submissions,
        seals={student: place.seal(given, student) for student in students},
    )
    return list(tqdm(results, total=len(students), unit="student", disable=None))


def results_before(place: Room, given) -> Iterator[dict]:
    """What `grade` kept until now, where it can be read."""
    for student in place.students(given.name):
        with contextlib.suppress(CourseError):
            yield grade.load(place.folder / "results" / given.name / f"{student}.json")


def decided(place: Room, given, results: list[dict]) -> tuple[dict, list[str]]:
    """`marks.decisions` of this class, with lines for these results tied to them."""
    digests = dict.fromkeys(place.students(given.name))
    digests |= {result["student"]: result["digest"] for result in results}
    return marks.decisions(place.folder / "decisions.csv", given, digests, place.names())


def final(options: argparse.Namespace) -> tuple[Room, Assignment, list[dict]]:
    """The class, the assignment, and every student's result with what counts (`marks.standing`);
    a CourseError where what is handed in was not graded."""
    place = Room(options.folder)
    given = place.assignment(options.assignment)
    results = {result["student"]: result for result in results_before(place, given)}
    missing = [
        student
        for student, folder in place.students(given.name).items()
        if student not in results
        or results[student]["digest"] not in (None, grade.digest(folder, given.name))
    ]
    if missing:
        raise CourseError(f"Not graded yet: {', '.join(missing)}. `grade` once more.")
    found = list(results.values())
    opened = marks.open_marks(place.folder / "open" / f"{given.name}.csv", given, found)
    choices, said = decided(place, given, found)
    say(*said)
    found = marks.standing(given, found, opened, choices)
    todo = [f"{r['student']} ({'; '.join(r['todo'])})" for r in found if r["todo"]]
    if todo and options.anyway:
        print(f"Not final, and taken as it stands (--anyway): {', '.join(todo)}.")
    elif todo:
        print(f"Not final yet: {', '.join(todo)}.")
        print(
            f"Mark in open/{given.name}.csv, decide in decisions.csv. Until then tables hold no "
            "points and zip files no page of theirs (--anyway: as it stands)."
        )
    return place, given, found


def pages(options: argparse.Namespace) -> None:
    """Write a page for each student, and the zip file that takes all of them back to an LMS."""
    worksheet = lms.read(options.moodle) if options.moodle else ""
    place, given, results = final(options)
    name, out, html, books = given.name, place.folder / "feedback", {}, {}
    for result in results:
        student, text = result["student"], feedback.page(given, result, options.rubric)
        grade.write(out / student / name / f"{name}.html", text)
        if options.anyway or not result["todo"]:
            html[student] = text
            books[student] = feedback.notebook(given, result, options.rubric)
    print(f"Pages in {out}")
    if options.moodle:
        to = out / f"{name}.moodle.zip"
        packed(to, lms.moodle(worksheet, place.ids(), html, f"{name}.html", to))
    if options.canvas:
        to = out / f"{name}.canvas.zip"
        packed(to, lms.canvas(options.canvas, name, place.roster(), books, to))


def export(options: argparse.Namespace) -> None:
    """Write the table of points, or fill them into Canvas's or Moodle's own export."""
    text = lms.read(options.fill) if options.fill else ""
    place, given, results = final(options)
    target = place.folder / "grades" / f"{given.name}.csv"
    said = tables.place(target, marks.grades(given, results, place.roster(), options.anyway))
    say(said, f"The table: {target}")
    if options.fill is None:
        return
    ids = place.ids()
    points = {
        result["student"]: (ids[result["student"]], result["points"], result["of"])
        for result in results
        if options.anyway or not result["todo"]
    }
    text, unfound, more = lms.fill(text, points, options.column or given.title, options.key)
    target = place.folder / "grades" / options.fill.name
    said = tables.place(target, text)
    say(said, f"Filled in: {target}", *more, listed(f"Not in {options.fill.name}", unfound))


TO_MOODLE = "also a zip of feedback files, for those in Moodle's grading worksheet"
ANYWAY = "also what is not final: points as they stand, an unmarked open question as 0"


def parser() -> grammar.Parser:
    top = grammar.Parser(prog="python -m course_lib.classroom", description=__doc__)
    verbs = top.add_subparsers(required=True, metavar="COMMAND")

    def verb(name, function, assignment=True):
        made = verbs.add_parser(name, help=function.__doc__, description=function.__doc__)
        made.set_defaults(function=function)
        made.add_argument("folder", type=Path, metavar="CLASS", help="the class's folder")
        if assignment:
            made.add_argument("assignment", help="its name, for example gan")
        return made

    made = verb("new", make, assignment=False)
    made.add_argument(
        "assignments", nargs="*", help=f"default: all ({', '.join(room.public())})"
    )
    made = verb("release", release)
    made.add_argument(
        "--one-for-all", action="store_true", help="one copy, for nbgrader's exchange"
    )
    made.add_argument("--moodle", type=Path, metavar="WORKSHEET", help=TO_MOODLE)
    verb("collect", gather).add_argument("source", type=Path, help="a folder or zip file")
    made = verb("grade", mark)
    made.add_argument(
        "--jobs", type=grammar.whole(1, 256), default=2, help="students at a time (default 2)"
    )
    made.add_argument("--again", action="store_true", help="also what was graded before")
    made.add_argument(
        "--seconds", type=grammar.seconds, default=60, help="for a whole notebook (60)"
    )
    made.add_argument(
        "--trust-submissions", action="store_true", help="no sandbox: they may do what you may"
    )
    made = verb("feedback", pages)
    made.add_argument(
        "--rubric", action="store_true", help="with the rubric, its model answers too"
    )
    made.add_argument("--moodle", type=Path, metavar="WORKSHEET", help=TO_MOODLE)
    made.add_argument(
        "--canvas",
        type=Path,
        metavar="ZIP",
        help="a zip file to re-upload, from the one downloaded",
    )
    made.add_argument("--anyway", action="store_true", help=ANYWAY)
    made = verb("export", export)
    made.add_argument("--anyway", action="store_true", help=ANYWAY)
    made.add_argument("--fill", type=Path, metavar="FILE", help="exported by Canvas or Moodle")
    made.add_argument("--column", help="where points go (default: the assignment's title)")
    made.add_argument("--key", help="the column that says who it is")
    return top


def run(arguments: list[str] | None) -> int:
    """Run one command and turn what may happen to it into its exit status."""
    try:
        options = parser().parse_args(sys.argv[1:] if arguments is None else arguments)
        options.function(options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:  # a file or folder of the class that can't be used as such
        where = f"{error.filename}: " if error.filename else ""
        print(f"{where}{error.strerror or error}.", file=sys.stderr)
        return 1
    except RecursionError:
        print("One of these paths has too many folders in each other.", file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 when it did its work, 1 after an error that can be mended, 130 after
    Ctrl-C."""
    try:
        return run(arguments)
    except KeyboardInterrupt:
        print(
            "Interrupted; what was done is kept, and the same command goes on.", file=sys.stderr
        )
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
