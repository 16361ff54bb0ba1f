"""Each public assignment's grader is tried with right and wrong answers, without a sandbox.

`python tests/classroom/proof.py` runs every mutant and writes notebooks/teaching/graders.md.
"""

import ast
import contextlib
import functools
import io
import json
import signal
import sys
from dataclasses import dataclass, field

from mutate import mutants

from course_lib.classroom import assignment, judge, room, runner, wire

SECRET = b"a secret for the proof"
STUDENTS = ["ada", "bob", "eve"]
REPORT = room.PUBLIC.parent / "teaching" / "graders.md"
MANY = 1000  # inputs on which an equal mutant is equal


@functools.cache
def load(name):
    return assignment.load(room.PUBLIC / name)


@functools.cache
def numbers(name, student):
    return load(name).numbers(SECRET, student)


def execute(source, space):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "<cell>", "exec"), space)


@functools.cache
def cells(name, student, solved):
    notebook = json.loads(load(name).copy(numbers(name, student), student, solved))
    return [
        (cell["metadata"].get("exercise"), cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


@functools.cache
def before(name, student, number):
    """The names that the solved copy knows before an exercise's cell, and that cell."""
    space = {"__name__": "__main__"}
    for exercise, source in cells(name, student, True):
        if exercise == number:
            return space, source
        execute(source, space)
    raise AssertionError(f"no cell answers {number}")


def verdict(name, student, number, space, seed=5, seeds=1):
    """What the judge says of the answer in a namespace: (right, line)."""
    question, v = load(name).questions[number], numbers(name, student)
    probes = judge.probes_for(question, v, seed)
    if probes is not None:
        for more in range(1, seeds):
            probes += judge.probes_for(question, v, seed + more)
    asked = {"name": question.name, "gradients": question.gradients}
    asked["probes"] = None if probes is None else json.loads(json.dumps(wire.pack(probes)))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            reply = json.loads(json.dumps(runner.answer(space, asked)))
    except Late:
        raise
    except Exception as error:
        reply = {"stopped": type(error).__name__}
    return judge.judge(question, v, reply, probes)


def answered(name, student, number, source):
    """The namespace after another answer than the solution in the exercise's cell."""
    space, _ = before(name, student, number)
    space = dict(space)
    execute(source, space)
    return space


class Late(Exception):
    """A mutant that doesn't end."""


def _bell(*_):
    raise Late


@dataclass
class Tried:
    total: int = 0
    equal: list = field(default_factory=list)
    alive: list = field(default_factory=list)


def try_mutants(name, number) -> Tried:
    """Every mutant of an exercise's cell, for every student."""
    tried, question = Tried(), load(name).questions[number]
    old = signal.signal(signal.SIGALRM, _bell)
    sources = [before(name, student, number)[1] for student in STUDENTS]
    try:
        for versions in zip(*map(mutants, map(without_numbers, sources)), strict=True):
            tried.total += 1
            paid = [
                passes(name, student, number, text)
                for student, (text, _) in zip(STUDENTS, versions, strict=True)
            ]
            if any(paid):
                same = all(paid)
                if same and question.probes is not None:
                    space = answered(name, STUDENTS[0], number, versions[0][0])
                    count = len(judge.probes_for(question, numbers(name, STUDENTS[0]), 0))
                    seeds = -(-MANY // count)
                    same = verdict(name, STUDENTS[0], number, space, 1000, seeds)[0]
                (tried.equal if same else tried.alive).append(versions[0][1])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    return tried


def without_numbers(source):
    """An exercise's cell without the line that only repeats the student's numbers: a student
    may change those, but has no reason to; another's numbers are a test of their own."""
    tree = ast.parse(source)
    given = [n for n in tree.body if isinstance(n, ast.Assign) and _literal(n.value)]
    return "\n".join(ast.unparse(node) for node in tree.body if node not in given)


def given_numbers(source):
    tree = ast.parse(source)
    return "\n".join(
        ast.unparse(n) for n in tree.body if isinstance(n, ast.Assign) and _literal(n.value)
    )


def _literal(node):
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def passes(name, student, number, text):
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        given = given_numbers(before(name, student, number)[1])
        space = answered(name, student, number, given + "\n" + text)
        return verdict(name, student, number, space)[0]
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def report():
    """What was tried on every grader, as a page for a teacher."""
    lines = [
        "# What the graders were tried with",
        "",
        "Every graded exercise of the course's own assignments was given wrong answers and right "
        "ones. A *mutant* is the solution with one small change: a sign, a factor, an index, a "
        "step left out. Each mutant must get no points, unless it is *equal*: the same values and "
        f"gradients on {MANY:,} inputs. A *misconception* is a wrong answer that somebody would "
        "give for a reason; each is told by a message of its own. Written by "
        "`python tests/classroom/proof.py`.",
        "",
        "| exercise | points | mutants | die | equal | misconceptions | gradient compared |",
        "|---|---|---|---|---|---|---|",
    ]
    failed = []
    for name in room.public():
        for number, question in load(name).questions.items():
            tried = try_mutants(name, number)
            died = tried.total - len(tried.equal) - len(tried.alive)
            slope = "yes" if question.gradients else "–"
            lines.append(
                f"| {number} | {question.points} | {tried.total} | {died} | {len(tried.equal)} | "
                f"{len(question.mistakes)} | {slope} |"
            )
            failed += [f"{number}: {what}" for what in tried.alive]
    return "\n".join(lines) + "\n", failed


if __name__ == "__main__":
    text, alive = report()
    REPORT.write_text(text, "utf-8")
    print(text, *alive, sep="\n")
    sys.exit(bool(alive))
