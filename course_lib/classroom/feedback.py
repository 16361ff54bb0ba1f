"""What comes of the results: a page for each student, the open question's sheet, the tables.

Whatever a student wrote is escaped, pages allow no script, and a spreadsheet's formulas are
disarmed. Canvas's and Moodle's own exported files get points filled in, nothing else changes.
"""

from __future__ import annotations

import contextlib
import csv
import html
import io
from pathlib import Path

from course_lib.classroom.assignment import Assignment
from course_lib.errors import CourseError

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>body{{font:16px/1.5 system-ui;max-width:46em;margin:2em auto;padding:0
1em}}pre{{background:#f4f4f4;padding:.7em;overflow:auto;max-height:24em;white-space:pre-wrap}}
table{{border-collapse:collapse}}td,th{{padding:.3em .8em .3em 0;text-align:left;vertical-align:top;
border-bottom:1px solid #ccc}}</style><h1>{title}</h1>
{body}</html>
"""
KEYS = ("SIS Login ID", "SIS User ID", "Email address", "ID number", "ID")


def total(assignment: Assignment, result: dict, marked: dict | None) -> tuple[float, int]:
    """Points and of how many; the open question counts once it was marked."""
    points = sum(mark["points"] for mark in result["marks"].values())
    if marked is None:
        return points, assignment.points
    return points + marked["points"], assignment.points + assignment.open_points


def page(assignment: Assignment, result: dict, marked: dict | None) -> str:
    """A student's page. What is for the teacher alone (whose numbers were found) is not here."""
    esc = html.escape
    points, of = total(assignment, result, marked)
    parts = [f"<p><b>{points:g} of {of} points</b></p>"]
    parts += [f"<p>Note: {esc(note)}</p>" for note in result["notes"]]
    if result["look"]:
        parts.append(
            "<p>Something here was odd; your teacher looks at it before it counts.</p>"
        )
    rows = "".join(
        f"<tr><td>{mark['points']} of {mark['of']}<td>{esc(mark['line'])}"
        for mark in result["marks"].values()
    )
    parts.append(f"<table><tr><th>points<th>what the grader says{rows}</table>")
    if marked is not None:
        parts.append(f"<h2>The open question: {marked['points']:g} of {assignment.open_points}")
        parts.append(f"</h2><p>{esc(marked['comment'])}</p>{rubric(assignment)}")
    for number, answer in result["answers"].items():
        parts.append(f"<h2>Your answer, {esc(number)}</h2><pre>{esc(answer['source'])}</pre>")
        printed = "\n".join(filter(None, (answer["text"], answer["error"])))
        parts.append(f"<pre>{esc(printed)}</pre>" if printed else "")
    title = f"{assignment.title}: {result['student']}"
    return PAGE.format(title=esc(title), body="\n".join(parts))


def rubric(assignment: Assignment) -> str:
    lines = (f"<tr><td>{points}<td>{html.escape(text)}" for points, text in assignment.open)
    return f"<table><tr><th>points<th>for{''.join(lines)}</table>"


def open_page(assignment: Assignment, results: list[dict]) -> str:
    """Everybody's answer to the open question below its rubric, for the teacher."""
    parts = [rubric(assignment)]
    for result in results:
        text = html.escape(result["written"].strip() or "(nothing written)")
        parts.append(f"<h2>{html.escape(result['student'])}</h2><pre>{text}</pre>")
    return PAGE.format(title=html.escape(f"{assignment.title}: open"), body="\n".join(parts))


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by its first line; a CourseError where it is none."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise CourseError(f"{path} can't be read as a table (CSV in UTF-8): {why}.") from error


def open_sheet(path: Path, students: list[str]) -> str:
    """open/NAME.csv with a line for everybody; points that were filled in stay."""
    before = open_marks(path, None)
    rows = [["student", "points", "comment"]]
    for student in students:
        mark = before.get(student)
        rows.append(
            [student, *([f"{mark['points']:g}", mark["comment"]] if mark else ["", ""])]
        )
    return table(rows)


def open_marks(path: Path, most: int | None) -> dict[str, dict]:
    """The points of open/NAME.csv by student; a CourseError for what is no number up to `most`."""
    found = {}
    for row in read_table(path) if path.exists() else []:
        text = (row.get("points") or "").strip().replace(",", ".")
        login = (row.get("student") or "").removeprefix("'")
        if text:
            points = number(text, most, f"{path}: expected points from 0 to {most} for {login}")
            found[login] = {"points": points, "comment": row.get("comment") or ""}
    return found


def number(text: str, most: float | None, expected: str) -> float:
    """A number from 0 to `most` as a table says it; a CourseError for anything else."""
    with contextlib.suppress(ValueError):
        if 0 <= (points := float(text.replace(",", "."))) <= (1e6 if most is None else most):
            return points
    raise CourseError(f"{expected}, got {text!r}.")


def grades(assignment: Assignment, results: list[dict], marked: dict, roster: dict) -> str:
    """The class as a table for a spreadsheet."""
    numbers = list(assignment.questions)
    rows = [["student", "name", *numbers, "open", "points", "of", "look at it", "notes"]]
    for result in results:
        student, mark = result["student"], marked.get(result["student"])
        points, of = total(assignment, result, mark)
        rows.append([student, roster.get(student, {}).get("name", "not on the roster")])
        rows[-1] += [str(result["marks"][number]["points"]) for number in numbers]
        rows[-1] += ["" if mark is None else f"{mark['points']:g}", f"{points:g}", str(of)]
        rows[-1] += ["; ".join(result["look"]), "; ".join(result["notes"])]
    return table(rows)


def table(rows: list[list[str]]) -> str:
    """Rows as CSV; a text that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    risky = ("=", "+", "-", "@", "\t", "\r")
    csv.writer(out).writerows(
        ["'" + cell if cell.startswith(risky) else cell for cell in row] for row in rows
    )
    return out.getvalue()


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
    try:
        rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    except csv.Error as error:
        raise CourseError(f"The LMS's table can't be read as CSV: {error}.") from error
    head = rows[0] if rows else []
    at = [i for i, name in enumerate(head) if name == column or name.startswith(f"{column} (")]
    by = next((head.index(name) for name in ((key,) if key else KEYS) if name in head), None)
    if len(at) != 1 or by is None:
        raise CourseError(
            f"Expected one column {column!r} (--column) and one of {key or ', '.join(KEYS)} "
            f"(--key) in the LMS's table; its columns are {', '.join(head)}."
        )
    most = head.index("Maximum grade") if "Maximum grade" in head else None
    possible = "".join(r[at[0]] for r in rows[1:3] if r and r[0].strip() == "Points Possible")
    found, said = set(), set()
    for row in rows[1:]:
        who = row[by].strip().casefold() if len(row) == len(head) else ""
        for student, (ids, got, of) in points.items():
            if who in ids:
                told = (possible if most is None else row[most]) or str(of)
                full = number(told, None, f"Expected the LMS's most points for {student}")
                said |= {f"points were scaled from {of} to {full:g}"} if full != of else set()
                row[at[0]] = f"{round(got * full / of, 2):g}"
                found.add(student)
    out = io.StringIO()
    out.write("\ufeff" * text.startswith("\ufeff"))
    csv.writer(out, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(rows)
    return out.getvalue(), sorted(set(points) - found), sorted(said)
