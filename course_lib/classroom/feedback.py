"""Pages: one for each student, and the teacher's with all answers to the open question.

Whatever a student wrote is escaped, and pages allow no script.
"""

from __future__ import annotations

import html
import json

from course_lib.classroom.assignment import Assignment
from course_lib.classroom.marks import alike, reasons

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>body{{font:16px/1.5 system-ui;max-width:46em;margin:2em auto;padding:0
1em}}pre{{background:#f4f4f4;padding:.7em;overflow:auto;max-height:24em;white-space:pre-wrap}}
table{{border-collapse:collapse}}td,th{{padding:.3em .8em .3em 0;text-align:left;vertical-align:top;
border-bottom:1px solid #ccc}}</style><h1>{title}</h1>
{body}</html>
"""


def esc(text: str) -> str:
    """For HTML, and for HTML in a Markdown cell, where a dollar would begin a formula."""
    return html.escape(text).replace("$", "&#36;")


def page(assignment: Assignment, result: dict, with_rubric: bool = False) -> str:
    """A student's page, of a result in `marks.standing`'s form. What is for the teacher alone
    (whose numbers were found) is not here; the rubric, with its answers, only `with_rubric`."""
    body = "\n".join(parts(assignment, result, with_rubric))
    return PAGE.format(title=esc(f"{assignment.title}: {result['student']}"), body=body)


def notebook(assignment: Assignment, result: dict, with_rubric: bool = False) -> str:
    """The same page as a notebook, for an LMS that takes files back under their old names."""
    title = f"<h1>{esc(assignment.title)}: {esc(result['student'])}</h1>"
    cells = [
        {"cell_type": "markdown", "id": f"part-{at}", "metadata": {}, "source": part}
        for at, part in enumerate([title, *parts(assignment, result, with_rubric)])
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def parts(assignment: Assignment, result: dict, with_rubric: bool) -> list[str]:
    so_far = " so far" if result["todo"] else ""
    found = [f"<p><b>{result['points']:g} of {result['of']} points{so_far}</b></p>"]
    found += [f"<p>Note: {esc(note)}</p>" for note in result["notes"]]
    if result["whole"]:
        found.append(f"<p>Decided by your teacher: {esc(result['whole']['decided'])}</p>")
    if result["look"] and not reasons(result):
        found.append(
            "<p>Something here was odd; your teacher looks at it before it counts.</p>"
        )
    titles = assignment.titles
    rows = "".join(
        f"<tr><td>{mark['points']:g} of {mark['of']}<td>{esc(titles.get(number, number))}"
        f"<td>{esc(mark['line'])}"
        + (f"<br>decided by your teacher: {esc(mark['decided'])}" if "decided" in mark else "")
        for number, mark in result["marks"].items()
    )
    found.append(f"<table><tr><th>points<th>exercise<th>what the grader says{rows}</table>")
    if assignment.open:
        found += _open(assignment, result, with_rubric)
    for number, answer in result["answers"].items():
        printed = "\n".join(filter(None, (answer["text"], answer["error"])))
        found.append(f"<h2>Your answer, {esc(number)}</h2><pre>{esc(answer['source'])}</pre>")
        found.append(f"<pre>{esc(printed)}</pre>" if printed else "")
    return list(filter(None, found))


def _open(assignment: Assignment, result: dict, with_rubric: bool) -> list[str]:
    """The student's own text, what it is worth, and what the teacher says of it."""
    mark, most = result["open"], assignment.open_points
    points = (
        f"{mark['points']:g} of {most} points" if mark else f"not marked yet ({most} points)"
    )
    found = [f"<h2>The open question: {points}</h2>"]
    found += [f"<pre>{esc(result['written'])}</pre>"] if result["written"] else []
    found += (
        [f"<p>Your teacher: {esc(mark['comment'])}</p>"] if mark and mark["comment"] else []
    )
    return found + [rubric(assignment)] * (with_rubric and mark is not None)


def rubric(assignment: Assignment) -> str:
    lines = (f"<tr><td>{points}<td>{esc(text)}" for points, text in assignment.open)
    return f"<table><tr><th>points<th>for{''.join(lines)}</table>"


def open_page(assignment: Assignment, results: list[dict]) -> str:
    """Everybody's answer to the open question below its rubric, for the teacher."""
    found, same = [rubric(assignment)], alike(results)
    for result in results:
        student = result["student"]
        found.append(f"<h2>{esc(student)}</h2>")
        if student in same:
            found.append(f"<p><b>The same words as {esc(', '.join(same[student]))}.</b></p>")
        text = result["written"]
        found.append(
            f"<pre>{esc(text)}</pre>" if text else "<p>Nothing was written: 0 points.</p>"
        )
    title = esc(f"{assignment.title}: open question")
    return PAGE.format(title=title, body="\n".join(found))
