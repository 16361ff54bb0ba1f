"""What counts in the end: what the machine found, and over it what the teacher wrote.

open/NAME.csv holds the points of the open question, decisions.csv what the teacher decided of
graded exercises. A line of either belongs to what was handed in when it was written; `for`, which
is filled in here, says to what. After another hand-in the line stays to be read and counts no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from course_lib.classroom import tables
from course_lib.classroom.assignment import Assignment
from course_lib.classroom.grade import write
from course_lib.errors import CourseError, one_of, unknown

DECISIONS = ["student", "exercise", "points", "why", "for"]
SHEET = ["student", "points", "comment", "for", "earlier"]
SILENT = {"points": 0.0, "comment": "nothing was written"}


def standing(
    assignment: Assignment, results: list[dict], marked: dict, decided: dict
) -> list[dict]:
    """The results with what counts: `marks` with the points decided, `open` (None: not marked),
    `points` of `of`, `whole` (what was said of the notebook as a whole), and `todo`, why they
    are not final yet."""
    found = []
    for result in results:
        student, name = result["student"], assignment.name
        said, todo = decided.get(student, {}), []
        written = marked.get(student, said.get(assignment.open_number))
        if result["look"] and not said:
            todo.append(f"to be decided: {'; '.join(result['look'])}")
        if written is None and assignment.open:
            todo.append("the open question is not marked")
        marks = {
            number: mark | said.get(number, {}) for number, mark in result["marks"].items()
        }
        points = sum(mark["points"] for mark in marks.values())
        found.append(
            result
            | {"marks": marks, "open": written, "todo": todo, "whole": said.get(name)}
            | {"points": points + (written["points"] if written else 0)}
            | {"of": assignment.points + assignment.open_points}
        )
    return found


def decisions(
    path: Path, assignment: Assignment, graded: dict[str, str | None], names: list[str]
) -> tuple[dict[str, dict], list[str]]:
    """By student, what was decided of an exercise or, under the assignment's name, of them all (0
    for all is 0 for the open question too); and what is to be said. New lines are bound to what
    was graded.

    graded: by student, the digest of the hand-in that was graded, None where none was.
    names: the class's assignments.
    """
    rows, found, said = tables.read(path) if path.exists() else [], {}, []
    for row in rows:
        row |= {key: row.get(key, "").strip() for key in DECISIONS}
        student, exercise = row["student"], row["exercise"]
        of = exercise.split(".")[0]
        one_of("assignment in decisions.csv", of, names)
        if of != assignment.name:
            continue
        one_of("student in decisions.csv", student, graded)
        if exercise not in (known := [*assignment.questions, assignment.name]):
            raise unknown("exercise in decisions.csv", exercise, known)
        decided, now = _decided(assignment, row), tables.mark(graded[student])
        if graded[student] is None:
            continue
        row["for"] = row["for"] or now
        if row["for"] != now:
            said.append(
                f"{student} handed in something new: the decision on {exercise} counts no more; "
                "to keep it, empty its last column."
            )
            continue
        found.setdefault(student, {}).update(decided)
    if rows and [row["for"] for row in rows] != [r.get("for", "") for r in tables.read(path)]:
        write(path, tables.text([DECISIONS, *([row[k] for k in DECISIONS] for row in rows)]))
    return found, said


def _decided(assignment: Assignment, row: dict[str, str]) -> dict[str, dict]:
    where = f"decisions.csv, {row['student']}, {row['exercise']}"
    if not re.fullmatch("(h[0-9a-f]{9})?", row["for"]):
        raise CourseError(f"{where}: a reason with a comma in it stands in quotes.")
    if not row["why"]:
        raise CourseError(f"{where}: say why in the last but one column; the student reads it.")
    whole = row["exercise"] == assignment.name
    if whole and not row["points"]:  # all stand as they are
        return {assignment.name: {"decided": row["why"]}}
    most = 0 if whole else assignment.questions[row["exercise"]].points
    wanted = "0 for all exercises, or nothing: they stand" if whole else f"0 to {most} points"
    points = tables.number(row["points"], most, f"{where}: expected {wanted}")
    numbers = assignment.questions if whole else [row["exercise"]]
    found = {number: {"points": points, "decided": row["why"]} for number in numbers}
    if whole:  # the open question too, unless it has a mark of its own
        found[assignment.open_number] = {"points": points, "comment": row["why"]}
    return found


def lines(path: Path, assignment: Assignment, students: Iterable[str]) -> dict[str, dict]:
    """The lines of open/NAME.csv by student, `points` as a number or None."""
    found = {}
    for row in tables.read(path) if path.exists() else []:
        row = {key: row.get(key, "").strip() for key in SHEET}
        student = row["student"]
        if student not in students:
            if row["for"] and row["comment"] in ("", SILENT["comment"]):
                continue  # who left the class, and was never marked
            raise unknown(f"student in {path}", student, students)
        most = assignment.open_points
        expected = f"{path}: expected points from 0 to {most} for {student}"
        points = tables.number(row["points"], most, expected) if row["points"] else None
        found[student] = row | {"points": points}
    return found


def open_sheet(
    path: Path, assignment: Assignment, results: list[dict]
) -> tuple[str, list[str]]:
    """open/NAME.csv with a line for everybody, and who is to be marked again. Points stay with
    the text that they were given for."""
    students = [result["student"] for result in results]
    before, rows, said = lines(path, assignment, students), [SHEET], []
    for result in results:
        student, text = result["student"], tables.mark(result["written"])
        row = before.get(student) or dict.fromkeys(SHEET, "") | {"points": None}
        if row["for"] not in ("", text) and row["points"] is not None:
            row |= {"earlier": f"{row['points']:g}: {row['comment']}", "comment": ""}
            row["points"] = None
            said.append(f"{student} wrote a new open answer: mark it again.")
        if row["points"] is None and not result["written"]:
            row |= SILENT
        points = "" if row["points"] is None else f"{row['points']:g}"
        rows.append([student, points, row["comment"], text, row["earlier"]])
    return tables.text(rows), said


def open_marks(path: Path, assignment: Assignment, results: list[dict]) -> dict[str, dict]:
    """The points of the open question by student, where they were given for this text."""
    if not assignment.open:
        return {}
    told = lines(path, assignment, [result["student"] for result in results])
    found = {result["student"]: SILENT for result in results if not result["written"]}
    for result in results:
        row = told.get(result["student"])
        if row and row["points"] is not None:
            if row["for"] in ("", tables.mark(result["written"])):
                found[result["student"]] = {key: row[key] for key in ("points", "comment")}
    return found


def alike(results: list[dict]) -> dict[str, list[str]]:
    """By student, who else wrote the same words in answer to the open question."""
    words = {r["student"]: re.findall(r"\w+", r["written"].casefold()) for r in results}
    same = {s: [o for o in words if o != s and words[o] == words[s]] for s in words if words[s]}
    return {student: others for student, others in same.items() if others}


def grades(assignment: Assignment, results: list[dict], roster: dict, anyway: bool) -> str:
    """The class as a table for a spreadsheet; no points of somebody who is not final."""
    numbers = list(assignment.questions)
    rows = [["student", "name", *numbers, "open", "points", "of"]]
    rows[0] += ["still to do", "look at it", "decided", "notes"]
    for result in results:
        student, marks, written = result["student"], result["marks"], result["open"]
        rows.append([student, roster.get(student, {}).get("name", "not on the roster")])
        rows[-1] += [f"{marks[number]['points']:g}" for number in numbers]
        rows[-1] += ["" if written is None else f"{written['points']:g}"]
        final = anyway or not result["todo"]
        rows[-1] += [f"{result['points']:g}" if final else "", str(result["of"])]
        said = dict.fromkeys(m["decided"] for m in reasons(result))
        lists = result["todo"], result["look"], said, result["notes"]
        rows[-1] += ["; ".join(part) for part in lists]
    return tables.text(rows)


def reasons(result: dict) -> list[dict]:
    """What was decided: of the whole first, then of the exercises in order."""
    return [m for m in (result["whole"], *result["marks"].values()) if m and "decided" in m]
