"""A teacher's commands: `python -m course_lib.classroom new | release | collect | …`

From nothing to marks: notebooks/teaching/assignments.md walks through all of them once.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from pathlib import Path

from tqdm import tqdm

from course_lib import grammar
from course_lib.classroom import collect, feedback, grade, room, sandbox
from course_lib.classroom.room import Room
from course_lib.errors import CourseError


def make(options: argparse.Namespace) -> None:
    """Make a class with its own secret and private copies of assignments."""
    made = room.new(options.folder, options.assignments or room.public())
    print(
        f"{made.folder}: write your students into roster.csv, then `release`. Keep secret.key."
    )


def release(options: argparse.Namespace) -> None:
    """Write the copies to hand out, each student's with numbers of their own."""
    written = Room(options.folder).release(options.assignment, options.one_for_all)
    print(f"{len(written)} to hand out below {options.folder / 'release' / options.assignment}")


def gather(options: argparse.Namespace) -> None:
    """Take in what an LMS (folder or zip) or nbgrader's exchange gives for download."""
    place = Room(options.folder)
    name = place.assignment(options.assignment).name
    found, left = collect.collect(
        options.source, name, place.roster(), place.folder / "submitted"
    )
    print(f"{len(found)} handed in.")
    print("\n".join(f"left: {line}" for line in left), end="\n" if left else "")


def mark(options: argparse.Namespace) -> None:
    """Run and judge every submission in a sandbox; started again, it goes on."""
    if not options.trust_submissions:
        sandbox.demand()
    place = Room(options.folder)
    given, students = place.assignment(options.assignment), place.students(options.assignment)
    results = graded(place, given, students, options)
    write = grade.write
    write(place.folder / "open" / f"{given.name}.html", feedback.open_page(given, results))
    sheet = place.folder / "open" / f"{given.name}.csv"
    write(sheet, feedback.open_sheet(sheet, list(students)))
    odd = [result for result in results if result["look"]]
    for result in odd:
        print(f"look at {result['student']}: {'; '.join(result['look'])}")
    print(f"{len(results)} graded, {len(odd)} to look at; logs in results/{given.name}/.")
    if given.open:
        print(f"The open question: read open/{given.name}.html, fill in open/{given.name}.csv.")


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
    )
    return list(tqdm(results, total=len(students), unit="student", disable=None))


def kept(place: Room, given) -> list[dict]:
    """The results that `grade` kept, in the roster's order."""
    folder = place.folder / "results" / given.name
    found = [folder / f"{student}.json" for student in place.students(given.name)]
    if missing := [path.stem for path in found if not path.exists()]:
        raise CourseError(f"Not graded yet: {', '.join(missing)}. `grade` first.")
    return [grade.load(path) for path in found]


def pages(options: argparse.Namespace) -> None:
    """Write a page for each student."""
    place = Room(options.folder)
    given = place.assignment(options.assignment)
    marked = feedback.open_marks(place.folder / "open" / f"{given.name}.csv", given.open_points)
    for result in kept(place, given):
        student = result["student"]
        text = feedback.page(given, result, marked.get(student))
        grade.write(
            place.folder / "feedback" / student / given.name / f"{given.name}.html", text
        )
    print(f"Pages in {place.folder / 'feedback'}")


def export(options: argparse.Namespace) -> None:
    """Write the table of points, or fill them into Canvas's or Moodle's own export."""
    place = Room(options.folder)
    given, roster = place.assignment(options.assignment), place.roster()
    marked = feedback.open_marks(place.folder / "open" / f"{given.name}.csv", given.open_points)
    results = kept(place, given)
    target = place.folder / "grades" / f"{given.name}.csv"
    grade.write(target, feedback.grades(given, results, marked, roster))
    print(f"The table: {target}")
    without = [r["student"] for r in results if r["student"] not in marked]
    if without and given.open:
        print(f"The open question is not marked for {', '.join(without)}.")
    if options.fill is None:
        return
    points = {}
    for result in results:
        student = result["student"]
        ids = {student.casefold(), roster.get(student, {}).get("email", student).casefold()}
        points[student] = (ids - {""}, *feedback.total(given, result, marked.get(student)))
    try:
        text = options.fill.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{options.fill} can't be read as a CSV file: {error}.") from None
    text, unfound, said = feedback.fill(
        text, points, options.column or given.title, options.key
    )
    target = place.folder / "grades" / options.fill.name
    grade.write(target, text)
    print(f"Filled in: {target}", *said, sep="\n")
    if unfound:
        print(f"Not in {options.fill.name}: {', '.join(unfound)}")


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
    verb("feedback", pages)
    made = verb("export", export)
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
