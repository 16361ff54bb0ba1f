"""Which part of the library knows which, read from the imports: arrows go one way, no circle."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import course_lib

LIBRARY = Path(course_lib.__file__).parent
# From the ground up: a part may know those below it, and parts on its own floor not.
FLOORS = [
    {"intervals", "first_edition", "_torchvision_guard"},
    {"errors"},
    {"disk", "pixels", "plots"},
    {"checkpoint"},
    {"game", "data"},
    {"models"},
    {"training"},
    {"evaluation"},
    {"zoo", "tuning"},
    {"explore", "checks"},
    {"lessons", "grammar"},
    {"classroom", "__main__"},
]
FLOOR = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}
MODULES = {
    ".".join(file.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    ): (file)
    for file in sorted(LIBRARY.rglob("*.py"))
}


def imported(file):
    """The modules of course_lib that a file imports, wherever in it."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}, line {node.lineno}: imports are absolute here"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


ARROWS = {
    module: {name for name in imported(file) if name in MODULES and name != module}
    for module, file in MODULES.items()
}


def part(module):
    return (module.split(".") + [""])[1]


@pytest.mark.parametrize("module", [m for m in MODULES if part(m)])
def test_arrows_go_down(module):
    for known in ARROWS[module]:
        same = part(known) == part(module)
        assert same or not part(known) or FLOOR[part(known)] < FLOOR[part(module)], known


def test_no_circle():
    """A package's first page only hands names on: its members don't import it."""
    list(TopologicalSorter(ARROWS).static_order())


def test_models_and_data_know_nothing_of_each_other():
    assert not [m for m in MODULES if part(m) == "data" and "models" in map(part, ARROWS[m])]
    assert not [m for m in MODULES if part(m) == "models" and "data" in map(part, ARROWS[m])]


def test_the_first_page_names_the_parts_from_the_ground_up():
    rows = re.findall(r"^    ([a-z, _]+?)  +\S", course_lib.__doc__, re.M)
    named = [name for row in rows for name in row.split(", ")]
    assert [FLOOR[name] for name in named] == sorted(FLOOR[name] for name in named)
    hidden = {"__main__", "first_edition", "_torchvision_guard"}
    assert set(named) == set(FLOOR) - hidden


def test_every_part_has_its_floor():
    assert {part(m) for m in MODULES if part(m)} == set(FLOOR)


def lines_of_code(file):
    """Lines without blank ones, comments and docstrings."""
    text = file.read_text("utf-8")
    told = set()
    for node in ast.walk(ast.parse(text)):
        takes = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if takes and ast.get_docstring(node):
            told |= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    lines = enumerate(text.splitlines(), start=1)
    return sum(n not in told and not re.match(r"\s*(#|$)", line) for n, line in lines)


def test_the_tour_is_as_short_as_it_says():
    contributing = (LIBRARY.parent / "CONTRIBUTING.md").read_text("utf-8")
    said, tour = re.search(
        r"## A tour of the library, in (\d+) lines of code\n(.*?)\n## ", contributing, re.DOTALL
    ).groups()
    files = re.findall(r"^\d\. \[.*?\]\((course_lib/.*?\.py)\)", tour, re.MULTILINE)
    assert [Path(file).stem for file in files] == ["game", "fit", "loop", "vae"]
    assert sum(lines_of_code(LIBRARY.parent / file) for file in files) <= int(said)
