"""The trusted side: have a submission run in a sandbox, ask it, judge it, keep the result.

Anything odd is kept as "look at it" with its reason, never as a silent 0, and no submission
stops the batch. A result is kept as soon as it is there and belongs to the submission's and the
grader's bytes, so a batch that was killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import torch

from course_lib import disk
from course_lib.classroom import sandbox, submission
from course_lib.classroom.assignment import EVERYBODY, Assignment, Question
from course_lib.classroom.judge import judge, probes_for, whose
from course_lib.classroom.sandbox import Ended, Limits, Sandbox
from course_lib.classroom.wire import WireError, pack
from course_lib.errors import CourseError

KEPT = {"student", "seed", "notes", "look", "marks", "answers", "written", "digest", "grader"}
TRIES = 3  # a cell that hangs or ends the process is left out and the rest run again


def run(
    cells: list[str], names: dict[int, str], limits: Limits, trusted: bool, look: list[str]
) -> tuple[Sandbox, dict[int, dict]]:
    """A sandbox in which the cells ran, and what each printed. names: by cell, the answer that
    it gives."""
    left_out: set[int] = set()
    said: dict[int, dict] = {}
    for _ in range(TRIES):
        box = Sandbox(limits, trusted)
        try:
            for at, source in enumerate(cells):
                if at in left_out or not source.strip():
                    continue
                box.tell({"source": source, "of": at, "answers": names.get(at)})
                reply = box.hear(limits.cell)
                if reply.get("of") != at:
                    raise Ended("spoke out of turn")
                if (left := box.left()) > limits.left:  # they would starve the questions
                    raise Ended(f"left {left} processes running")
                said[at] = {key: placeless(reply.get(key)) for key in ("text", "error")}
            return box, said
        except (Ended, TimeoutError) as error:
            why = str(error) or box.why or f"ran for more than {limits.cell:g} s"
            box.close()
            left_out.add(at)
            said[at] = {"text": "", "error": why}
            look.append(f"code cell {at + 1} {why}; it was left out, the rest was run again")
        except BaseException:
            box.close()
            raise
    raise Ended(f"{TRIES} cells in turn hung or ended the process")


def placeless(text: object) -> str:
    """What a cell printed, without the places of the teacher's machine."""
    found = str(text or "")[:2000]
    for place in (sys.prefix, str(sandbox.PACKAGE.parent), str(Path.home())):
        found = found.replace(place, "…")
    return found


def ask(
    box: Sandbox, limits: Limits, turn: int, question: Question, probes, own: bool = False
) -> dict:
    """The submission's reply; a WireError where it gives none. own: of the answer as it stood
    below its own cell, which a later cell may have set again."""
    asked = {"name": question.name, "gradients": question.gradients, "of": turn, "own": own}
    asked |= {"probes": None if probes is None else pack(probes), "seconds": limits.question}
    box.tell(asked)
    reply = None
    while True:
        message = box.hear(limits.question + 5)
        if message.get("of") == turn and reply is None:
            reply = message
        elif message.get("end") == turn:
            break
        else:
            raise Ended("spoke out of turn")
    if reply is None:
        raise WireError(f"gave no answer within {limits.question:g} s")
    return reply


def grade_student(
    assignment: Assignment,
    folder: Path,
    student: str,
    values: SimpleNamespace,
    others: Sequence[tuple[str, SimpleNamespace]] = (),
    *,
    limits: Limits = sandbox.USUAL,
    trusted: bool = False,
    seed: int | None = None,
    seal: str | None = None,
) -> dict:
    """Marks and what is said of them, as plain data. `others`: whose numbers may be met here.
    seal: what a copy with the student's own numbers says of them; None: it isn't compared.

    `digest` is None where nothing was tried, `grader` where the grader stumbled: both are graded
    again.
    """
    start, look = time.monotonic(), []
    seed = secrets.randbits(62) if seed is None else seed
    result = {"student": student, "seed": seed, "notes": [], "look": look}
    result |= {"marks": {}, "answers": {}, "written": "", "log": "", "peak": 0}
    box, why = None, "the notebook ended the sandbox"
    try:
        handed_in = submission.read(folder, assignment.name)
        result["notes"] = handed_in.notes
        if (folder / "late").exists():
            result["notes"].append("handed in late")
        if assignment.open:
            _read_open(assignment, values, student, handed_in, result)
        _compare_copies(assignment, student, dict(others), handed_in, seal, result)
        homes = _homes(assignment, handed_in)
        names = {at: assignment.questions[number].name for number, at in homes.items()}
        box, said = run(handed_in.cells, names, limits, trusted, look)
        _mark_all(assignment, values, others, box, limits, result)
        _look_for_losses(assignment, handed_in.cells, homes, said, result)
        for number, at in homes.items():
            if at in said:
                source = handed_in.cells[at][: submission.SHOWN]
                result["answers"][number] = {"source": source, **said[at]}
        result["log"] = "\n".join(
            f"code cell {at + 1}: {part['text']}{part['error']}" for at, part in said.items()
        )
    except submission.Absent as error:
        why = str(error)
        result["notes"].append(why)
    except (submission.Unreadable, Ended) as error:
        why = str(error)
        look.append(why)
    except sandbox.NotStarted as error:
        why = "the sandbox did not start"
        look.append(f"{why} ({error}); `grade` tries it again")
        result["digest"] = None
    except Exception as error:
        why = "the grader stumbled"
        look.append(stumbled(error))
        result["grader"] = None
    finally:
        if box is not None:
            result["peak"] = box.peak
            result["log"] += "\n" + box.printed.decode("utf-8", "replace")
            box.close()
    for number, question in assignment.questions.items():  # absent, or the sandbox ended
        missed = {"points": 0, "line": f"· {number}: could not be tried: {why}"}
        result["marks"].setdefault(number, missed)["of"] = question.points
    return result | {"seconds": round(time.monotonic() - start, 2)}


def _read_open(assignment, values, student, handed_in, result) -> None:
    """The answer to the open question: its cell's, else what was written anywhere else; "" where
    nothing was."""
    blank = submission.parse(assignment.copy(values, student).encode())
    number = assignment.open_number
    text = handed_in.written.get(number, "").strip()
    if text in ("", blank.written.get(number, "").strip()):
        text = submission.added(handed_in, blank)
        if text:
            result["notes"].append(
                "the open question's cell is empty; what you wrote elsewhere is read for it"
            )
        else:
            result["notes"].append("nothing was written for the open question")
    result["written"] = text


def _compare_copies(assignment, student, others, handed_in, seal, result) -> None:
    """Is it this assignment's copy, this student's, with the numbers that are drawn now?"""
    made_for, look = handed_in.made_for, result["look"]
    if handed_in.made_as not in (None, assignment.name):
        look.append(f"this is a copy of another assignment, {handed_in.made_as}")
        result["notes"].append(f"this is not a copy of {assignment.name}")
    elif made_for not in (None, student) and made_for in others:
        look.append(f"this copy was made for {made_for}")
        result["notes"].append("this copy was not made for you")
    elif made_for in (student, EVERYBODY) and None not in (seal, handed_in.seal):
        if handed_in.seal != seal:
            look.append(
                "this copy was made with other numbers than are drawn now: was `variant`, the "
                "secret or the way of handing out changed after `release`?"
            )


def _homes(assignment: Assignment, handed_in: submission.Submission) -> dict[str, int]:
    """By exercise the code cell that answers it: the one that says so, else the first that sets
    the name. Some programs save cells without what they say."""
    found = {}
    for number, question in assignment.questions.items():
        cells = enumerate(handed_in.cells)
        setting = (at for at, text in cells if question.name in submission.brings(text))
        if (at := handed_in.exercises.get(number, next(setting, None))) is not None:
            found[number] = at
    return found


def _look_for_losses(assignment, cells, homes, said, result) -> None:
    """Points that were lost by what is no wrong answer: another notebook, a cell that stopped
    before what it should bring, a library that is not here."""
    missing = [
        number
        for number, mark in result["marks"].items()
        if "there is no name" in mark["line"] or "stopped with NameError" in mark["line"]
    ]
    if len(missing) == len(assignment.questions) and not homes:
        result["look"].append("nothing in it belongs to this assignment")
    stopped = {at: part["error"] for at, part in sorted(said.items()) if part["error"]}
    needed = [
        at
        for at in stopped
        if at not in homes.values()
        and submission.brings(cells[at])
        & submission.words("\n".join(cells[:at] + cells[at + 1 :]))
    ]
    lost: dict[int, list[str]] = {}
    for number in missing:
        mark, error = result["marks"][number], stopped.get(homes.get(number), "")
        kind = error.split(":")[0]
        if error and "there is no name" in mark["line"]:
            mark["line"] += f": its cell stopped with {kind}"
        if kind in ("ModuleNotFoundError", "ImportError"):
            lost.setdefault(homes[number], []).append(number)
        elif needed and kind in ("", "NameError"):
            lost.setdefault(needed[0], []).append(number)
    for at, numbers in sorted(lost.items()):
        why = f"code cell {at + 1} stopped with {stopped[at][:120]}"
        result["look"].append(f"{why}; no points for {', '.join(numbers)}")
        result["notes"].append(f"{why}, so what it should bring is not there")


def stumbled(error: Exception) -> str:
    return f"the grader stumbled: {type(error).__name__}: {str(error)[:200]}"


def _mark_all(assignment, values, others, box, limits, result) -> None:
    wrong = {}
    for turn, (number, question) in enumerate(assignment.questions.items()):
        probes = probes_for(question, values, result["seed"] + turn)
        try:
            reply = ask(box, limits, turn, question, probes)
            right, line = judge(question, values, reply, probes)
            if not right:
                before = ask(box, limits, turn, question, probes, own=True)
                if judge(question, values, before, probes)[0]:
                    why = f"right below its own cell, but {question.name} is set again later"
                    result["look"].append(f"{number}: {why}")
                    line = f"{line}; {why}"
        except (WireError, TimeoutError, Ended) as error:
            why = str(error) or "gave no answer in time"
            result["look"].append(f"{number}: {why}")
            right, line = False, why
        except Exception as error:  # a fault of the grader's is nobody's 0
            result["look"].append(f"{number}: {stumbled(error)}")
            right, line = False, "could not be judged; your teacher looks at it"
        else:
            if not right and question.probes is None:
                wrong[number] = reply
        sign = "✓" if right else ("·" if line.startswith("not answered") else "✗")
        points = question.points if right else 0
        result["marks"][number] = {"points": points, "line": f"{sign} {number}: {line}"}
    if (met := whose(assignment, wrong, others)) is not None:
        other, numbers = met
        result["look"].append(f"{', '.join(numbers)}: right for the numbers of {other}")


def grade_class(
    assignment: Assignment,
    students: dict[str, Path],
    values: dict[str, SimpleNamespace],
    results: Path,
    *,
    jobs: int = 1,
    again: bool = False,
    limits: Limits = sandbox.USUAL,
    trusted: bool = False,
    seals: Mapping[str, str] | None = None,
) -> Iterator[dict]:
    """Grade every student's folder and keep each result as STUDENT.json in `results`, with a
    log beside it. Yields the results as they come; those that are still good at once.
    seals: by student, `Assignment.seal` of their numbers."""
    torch.set_num_threads(1)
    results.mkdir(parents=True, exist_ok=True)

    def one(student: str) -> dict:
        folder, kept = students[student], results / f"{student}.json"
        bytes_now = digest(folder, assignment.name)
        if not again and kept.exists():
            with contextlib.suppress(CourseError):
                before = load(kept)
                if (before["digest"], before["grader"]) == (bytes_now, assignment.digest):
                    return before
        others = [(s, v) for s, v in values.items() if s != student]
        more = {"limits": limits, "trusted": trusted, "seal": (seals or {}).get(student)}
        result = grade_student(assignment, folder, student, values[student], others, **more)
        result = {"digest": bytes_now, "grader": assignment.digest} | result
        write(results / f"{student}.log", log(result))
        write(kept, json.dumps(result, ensure_ascii=False, indent=1))
        return result

    with ThreadPoolExecutor(jobs) as pool:
        try:
            waiting = [pool.submit(one, student) for student in students]
            for future in waiting:
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def load(path: Path) -> dict:
    """A result that `grade_class` kept; a CourseError where it is damaged."""
    try:
        found = json.loads(path.read_text("utf-8"))
        if not isinstance(found, dict) or not KEPT <= found.keys():
            raise ValueError("parts of it are missing")
    except (OSError, ValueError, RecursionError) as error:
        raise CourseError(
            f"{path} can't be read ({error!s:.80}): `grade` once more, which makes it anew."
        ) from error
    return found


def digest(folder: Path, name: str) -> str:
    """Of what is handed in now, by which a result belongs to it."""
    try:
        return submission.read(folder, name).digest
    except submission.Unreadable as error:
        return str(error)


def log(result: dict) -> str:
    """What a teacher reads who wants to know how a mark came about."""
    head = f"{result['student']}: {result['seconds']} s, {result['peak'] >> 20} MB, "
    lines = [head + f"probes from seed {result['seed']}"]
    lines += [f"{m['points']} of {m['of']}  {m['line']}" for m in result["marks"].values()]
    lines += [f"note: {note}" for note in result["notes"]]
    lines += [f"look at it: {reason}" for reason in result["look"]]
    return "\n".join([*lines, "", submission.plain(result["log"], submission.LARGEST), ""])


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    with disk.whole(path) as file:
        file.write(text.encode())
