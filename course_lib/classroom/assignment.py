"""An assignment: one text for both copies, questions with right answers, numbers of one's own.

A folder holds `notebook.py`, the text in percent format with its solutions between markers,
and `grader.py`, which only the teacher has: TITLE, `variant(rng)` (a dictionary of numbers drawn
for one student), QUESTIONS, and OPEN, the rubric of the open question. `{{mu}}` in the text
becomes the student's own mu.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import hmac
import importlib.util
import json
import math
import random
import re
import string
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from course_lib.checks.compare import DEFAULT_TOL, difference
from course_lib.errors import CourseError

DRAWS = 100
EVERYBODY = "everybody"  # whose numbers stand in a copy that a whole class shares
SOLUTION = re.compile(
    r"^(?P<indent> *)### BEGIN SOLUTION *\n(?P<body>.*?)^ *### END SOLUTION *\n", re.M | re.S
)
CELL = re.compile(r'^# %%(?P<text> \[markdown\])?(?: exercise="(?P<number>[\w.]+)")? *\n', re.M)

LEFT = {  # in a student's copy
    r"^.*(BEGIN|END)[ _]*SOLUTION.*$": "a solution stands between the lines "
    "`### BEGIN SOLUTION` and `### END SOLUTION`, written so",
    r"\{\{\s*[\w.]+\s*\}\}": "a number is filled in for {{name}}, without blanks",
    r"^(# ?)?%% .*$": 'a cell begins with `# %%`, `# %% [markdown]` or `# %% exercise="NUMBER"`, '
    "and nothing else",
}


@dataclass(frozen=True)
class Question:
    """One graded exercise: the name of its answer in the notebook, and what is right.

    right: a function of the student's numbers v that gives the value wanted; or, with `probes`,
        of v and a probe's arguments. mistakes: what to say → a function of the same form that
        gives the wrong answer to which it is said.
    probes: a function of a torch.Generator and v that gives a list of argument tuples, on which
        the student's function is called. They are drawn anew for every grading.
    gradients: the answer is differentiated later, so its gradients are compared too. The text
        says of which exercises this is so by {{gradients}}.
    tol: |given - right| may be up to tol * max(1, |right|). None: 1e-4, and exact where `right`
        gives integers or truth values. The text says it by {{decimals.NUMBER}}.
    """

    name: str
    points: int
    right: Callable[..., Any]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    probes: Callable[..., list[tuple]] | None = None
    gradients: bool = False
    tol: float | None = None

    def coinciding(self, v: SimpleNamespace) -> str | None:
        """What would be said to a right value, since these numbers make a known mistake right.

        None as well where the grader stumbles over them: grading tells whose numbers those are.
        """
        if self.probes is None:
            with contextlib.suppress(Exception):
                for said, wrong in self.mistakes.items():
                    if difference(wrong(v), self.right(v), self.tol) is None:
                        return said
        return None

    @property
    def decimals(self) -> str:
        """How many decimals an answer must have so that rounding it costs nothing, in words."""
        least = math.floor(-math.log10(2 * (self.tol or DEFAULT_TOL))) + 1
        return ("no", "one", "two", "three", "four", "five", "six", "seven")[max(0, least)]


def diagnosis(
    name: str, points: int, drawn: str, taken_for: Mapping[str, tuple[str, str]]
) -> Question:
    """A question that asks which is which: {"A": "healthy", "B": …} for the rows of a table.

    drawn: the student's number that lists what the rows are, in order. taken_for: what to say →
    two kinds that are taken for each other.
    """

    def right(v: SimpleNamespace, exchanged: tuple[str, str] = ("", "")) -> dict[str, str]:
        other = dict([exchanged, exchanged[::-1]])
        rows = zip(string.ascii_uppercase, getattr(v, drawn), strict=False)
        return {row: other.get(kind, kind) for row, kind in rows}

    mistakes = {said: partial(right, exchanged=pair) for said, pair in taken_for.items()}
    return Question(name, points, right, mistakes)


@dataclass(frozen=True)
class Assignment:
    """What a folder holds. `open`: (points, criterion) of the open question's rubric."""

    name: str
    title: str
    text: str
    digest: str
    questions: dict[str, Question]
    variant: Callable[[random.Random], dict]
    open: list[tuple[int, str]]

    @property
    def open_number(self) -> str:
        return f"{self.name}.open"

    @property
    def points(self) -> int:
        return sum(question.points for question in self.questions.values())

    @property
    def open_points(self) -> int:
        return sum(points for points, _ in self.open)

    @property
    def titles(self) -> dict[str, str]:
        """By exercise its heading in the text, "## 5 · Read four logs (4 points, …)"."""
        heads = re.findall(r"^# ## (\d+) · (.+?) \(", self.text, re.M)
        return {f"{self.name}.{number}": f"{number} · {title}" for number, title in heads}

    def numbers(self, secret: bytes, student: str) -> SimpleNamespace:
        """The student's own numbers: the same every time, nobody's guess without the secret.

        They are the first of DRAWS draws for which no known mistake gives the right value.
        """
        seed = hmac.new(secret, f"{self.name}/{student}".encode(), hashlib.sha256).digest()
        rng = random.Random(seed)
        for _ in range(DRAWS):
            values = SimpleNamespace(**self.variant(rng))
            if not any(question.coinciding(values) for question in self.questions.values()):
                break
        return values

    def seal(self, secret: bytes, values: SimpleNamespace) -> str:
        """By what a copy is known to be made with these numbers; it tells none of them."""
        told = repr(sorted(vars(values).items())).encode()
        return hmac.new(secret, told, hashlib.sha256).hexdigest()[:16]

    @property
    def differentiated(self) -> str:
        """The exercises whose gradients are compared, "exercises 2, 3 and 7"."""
        found = [n.split(".")[-1] for n, q in self.questions.items() if q.gradients]
        listed = " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))
        return f"exercise{'s' * (len(found) > 1)} {listed}"

    def copy(
        self, values: SimpleNamespace, student: str, solved: bool = False, seal: str = ""
    ) -> str:
        """A notebook as text, for one student (or EVERYBODY); `solved` is the teacher's."""
        fill = {f"points.{n.split('.')[-1]}": q.points for n, q in self.questions.items()}
        fill |= vars(values) | {"student": student, "points.open": self.open_points}
        fill |= {"points.all": self.points + self.open_points, "gradients": self.differentiated}
        fill |= {f"decimals.{n.split('.')[-1]}": q.decimals for n, q in self.questions.items()}
        cells = []
        for number, (kind, exercise, source) in enumerate(cells_of(self.text)):
            if kind == "code":
                asked = self.questions[exercise].name if exercise in self.questions else None
                open_ = partial(_placeholder, asked=asked)
                source = SOLUTION.sub((lambda m: m["body"]) if solved else open_, source)
            source = re.sub(r"\{\{([\w.]+)\}\}", lambda m: str(fill[m[1]]), source.strip("\n"))
            cell = {"cell_type": kind, "id": f"{self.name}-{number}", "source": source}
            cell["metadata"] = {"exercise": exercise} if exercise else {}
            if kind == "code":
                cell |= {"execution_count": None, "outputs": []}
            cells.append(cell)
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        made = {"name": self.name, "for": student} | ({"numbers": seal} if seal else {})
        about = {"kernelspec": kernel, "assignment": made}
        notebook = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def cells_of(text: str) -> list[tuple[str, str | None, str]]:
    """(kind, exercise or None, source) of every cell of a text in percent format."""
    heads = list(CELL.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = []
    for head, end in zip(heads, ends, strict=True):
        source = text[head.end() : end]
        if head["text"]:
            source = re.sub(r"^# ?", "", source, flags=re.M)
        found.append(("markdown" if head["text"] else "code", head["number"], source))
    return found


def _placeholder(match: re.Match, asked: str | None) -> str:
    """Dots for a function's body; for a value the name that is asked for, in its form: a
    dictionary with its keys, a tuple with its places. Where the solution doesn't set that name
    itself, the names that it sets, so that later lines find them."""
    if match["indent"]:
        return f"{match['indent']}...\n"
    try:
        body = ast.parse(match["body"]).body  # {{mu}} is a set in a set
    except SyntaxError:  # a notebook's own commands
        return "...\n"
    found = {}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = _form(node.value)
        elif isinstance(node, ast.FunctionDef):
            found[node.name] = "..."
    wanted = {asked: found[asked]} if asked in found else found
    return "".join(f"{name} = {form}\n" for name, form in wanted.items()) or "...\n"


def _form(value: ast.expr) -> str:
    if isinstance(value, ast.Dict):
        keys = (json.dumps(ast.literal_eval(key), ensure_ascii=False) for key in value.keys)
        return "{" + ", ".join(f"{key}: ..." for key in keys) + "}"
    if isinstance(value, ast.Tuple):
        return f"({', '.join('...' for _ in value.elts)})"
    return "..."


def examine(given: Assignment) -> None:
    """Raise ValueError, or what building it raises, for what a class would stumble over."""
    for number, question in given.questions.items():
        if not isinstance(points := question.points, int | float) or not points > 0:
            raise ValueError(f"{number} has {points!r} points, expected a number above 0")
    values = given.numbers(b"", EVERYBODY)
    for number, question in given.questions.items():
        if said := question.coinciding(values):
            raise ValueError(
                f"in {DRAWS} draws this mistake of {number} is right: {said!r:.100}"
            )
    blank, solved = (
        json.loads(given.copy(values, EVERYBODY, solved))["cells"] for solved in (False, True)
    )
    numbers = [cell["metadata"].get("exercise") for cell in blank]
    wanted = [*given.questions, *[given.open_number] * bool(given.open)]
    for number in dict.fromkeys([*wanted, *filter(None, numbers)]):
        if number not in wanted:
            raise ValueError(f"a cell is of exercise {number!r}, which QUESTIONS does not have")
        if (many := numbers.count(number)) != 1:
            head = f'# %% exercise="{number}"'
            raise ValueError(f"{many} cells begin with `{head}`, expected one")
    for cell in blank:
        for form, what in LEFT.items():
            if found := re.search(form, cell["source"], re.M | re.I):
                raise ValueError(f"the students' copy would show {found[0].strip()!r}: {what}")
    code = [cell["source"] for cell in solved if cell["cell_type"] == "code"]
    names = set().union(*map(_names, code))
    for number, question in given.questions.items():
        if question.name not in names:
            raise ValueError(f"{number} asks for {question.name!r}, which no solution sets")


def _names(source: str) -> set[str]:
    """What a cell sets; nothing where it holds a notebook's own commands."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return set()
    stored = (n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    defined = (n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef))
    return {n.id for n in stored} | set(defined)


def load(folder: Path) -> Assignment:
    """The assignment of a folder; a CourseError where it isn't one."""
    text, grader = folder / "notebook.py", folder / "grader.py"
    if not (text.is_file() and grader.is_file()):
        known = sorted(p.parent.name for p in folder.parent.glob("*/grader.py"))
        raise CourseError(
            f"Expected notebook.py and grader.py in {folder}; "
            f"assignments there: {', '.join(known) or 'none'}."
        )
    name = re.sub(r"\W", "_", str(folder))
    spec = importlib.util.spec_from_file_location(f"assignment_{name}", grader)
    module = importlib.util.module_from_spec(spec)
    digest = hashlib.sha256(text.read_bytes() + grader.read_bytes()).hexdigest()
    try:
        spec.loader.exec_module(module)
        parts = module.QUESTIONS, module.variant, module.OPEN
        found = Assignment(folder.name, module.TITLE, text.read_text("utf-8"), digest, *parts)
        examine(found)
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        at = [f"grader.py, line {f.lineno}: " for f in frames if f.filename == str(grader)]
        kind = type(error).__name__
        raise CourseError(
            f"{folder} can't be used as an assignment: {''.join(at[-1:])}{kind}: {error}."
        ) from error
    return found
