"""Which part of the library knows which: arrows go one way."""

import ast
from pathlib import Path

import pytest

import course_lib

LIBRARY = Path(course_lib.__file__).parent
BELOW = {
    "data": {"data", "errors", "pixels"},
    "models": {"models", "training", "errors", "pixels"},
    "training": {"training", "data", "errors", "pixels"},
    "evaluation": {"evaluation", "training", "models", "data", "errors", "pixels"},
}


def imported(file):
    """The parts of course_lib that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}, line {node.lineno}: imports are absolute here"
            if node.module == "course_lib":
                yield from (name.name for name in node.names)
            elif node.module.startswith("course_lib."):
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            names = (name.name.split(".") for name in node.names)
            yield from (name[1] for name in names if name[0] == "course_lib" and name[1:])


@pytest.mark.parametrize("part", BELOW)
def test_a_part_knows_only_what_is_below_it(part):
    files = list((LIBRARY / part).rglob("*.py"))
    assert files
    for file in files:
        assert set(imported(file)) <= BELOW[part], file


def test_imports_are_absolute():
    for file in LIBRARY.rglob("*.py"):
        list(imported(file))
