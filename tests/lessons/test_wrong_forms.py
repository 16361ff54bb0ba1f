"""Wrong forms that a lesson does not show: they would have been noticed all the same.

A section of a lesson shows one misconception that people really hold. Others of the same
equation stand in wrong_forms/NN.py, a block each, below the words of the cell that it follows;
they run after that cell, with the lesson's own names.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from lesson_cells import printed, source_cells

FOLDER = Path(__file__).parent / "wrong_forms"
BLOCK = re.compile(r"^# %% after: ([^\n]+)\n(.*?)(?=^# %%|\Z)", re.MULTILINE | re.DOTALL)
CASES = [
    (file.stem, piece.strip(), code)
    for file in sorted(FOLDER.glob("[0-9][0-9].py"))
    for piece, code in BLOCK.findall(file.read_text("utf-8"))
]
# How many wrong forms each lesson and its file together refuse, at least: none gets lost.
REFUSED = {
    "00": 5, "01": 25, "02": 37, "03": 39, "04": 33, "05": 36, "06": 33, "07": 24, "08": 33,
    "09": 19, "10": 44, "11": 41, "12": 6, "13": 3,
}  # fmt: skip


def refusals(code: str) -> int:
    names = [n.func for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Call)]
    return sum(getattr(name, "id", "") == "refuses" for name in names)


@cache
def printed_by(lesson: str) -> dict[str, list[str]]:
    """What each block of a lesson's file prints, by its code; the lesson runs once."""
    cells = [cell.source for cell in source_cells(lesson) if cell.cell_type == "code"]
    pieces = {}
    for _, piece, code in (case for case in CASES if case[0] == lesson):
        at = [i for i, cell in enumerate(cells) if piece in cell]
        assert len(at) == 1, f"{len(at)} cells of lesson {lesson} hold {piece!r}"
        pieces[code] = (at[0], code)
    return printed(cells, pieces)


@pytest.mark.timeout(600)  # the first of a lesson runs that lesson
@pytest.mark.parametrize(
    ("lesson", "piece", "code"), CASES, ids=[f"{c[0]} {c[1]}" for c in CASES]
)
def test_a_wrong_form_is_noticed(lesson, piece, code):
    lines = printed_by(lesson)[code]
    assert sum(line.startswith("✓ refused") for line in lines) >= refusals(code) > 0, lines


@pytest.mark.parametrize("lesson", REFUSED)
def test_no_wrong_form_is_lost(lesson):
    shown = sum(refusals(c.source) for c in source_cells(lesson) if c.cell_type == "code")
    assert (
        shown + sum(refusals(code) for name, _, code in CASES if name == lesson)
        >= REFUSED[lesson]
    )
