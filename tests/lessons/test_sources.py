"""The lessons' sources and the exercises: who imports what, what is predicted, names once."""

import ast
import re
from pathlib import Path

import pytest

from course_lib.checks import finding, guess, predict

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("[0-9]*.py"))
CONTENT = sorted((ROOT / "course_lib" / "lessons").glob("lesson_*/*.py"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_a_lesson_imports_its_own_page_what_all_share_and_no_further(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("course_lib.lessons"):
            if node.module == "course_lib.lessons.shared":
                continue
            assert node.module == "course_lib.lessons"
            assert [alias.name for alias in node.names] == [f"lesson_{file.name[:2]}"]


def predictions(file):
    """(number, the statement that sets the guess, its name) of a lesson's predictions."""
    tree = ast.parse(file.read_text("utf-8"))
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "predict":
            yield call.args[0].value, call.args[1].id


PREDICTED = [(file, *found) for file in SOURCES for found in predictions(file)]


@pytest.mark.parametrize("lesson", [file.name[:2] for file in SOURCES])
def test_every_prediction_says_what_a_guess_can_be(lesson):
    asked = {number for _, number, _ in PREDICTED if number[:2] == lesson}
    assert asked == set(finding._stated(lesson, "PREDICTIONS"))


@pytest.mark.parametrize(("file", "number", "name"), PREDICTED)
def test_the_solution_s_guess_is_kept_and_another_kind_is_not(file, number, name):
    text = re.sub(r"### (BEGIN|END) SOLUTION", "", file.read_text("utf-8"))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and name in ast.unparse(node.targets[0]):
            if "predict(" not in ast.unparse(node.value):
                space = {}
                exec(f"import math\n{ast.unparse(node)}", space)
                break
    kept = predict(number, space[name])
    assert kept is not None and guess(number) == kept
    other = 7.5 if isinstance(kept, str) else "no idea"
    assert predict(number, other) is None and guess(number) is None


def functions(file):
    """Names of the functions and classes that a file defines for itself, not inside others."""
    waiting = list(ast.parse(file.read_text("utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.If, ast.With, ast.For)):
            waiting += node.body + node.orelse if hasattr(node, "orelse") else node.body


def test_no_two_lessons_content_has_a_function_of_one_name():
    homes = {}
    for file in CONTENT:
        for name in functions(file):
            homes.setdefault(name, set()).add(file.parent.name)
    assert not {name: where for name, where in homes.items() if len(where) > 1}
