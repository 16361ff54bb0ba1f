"""A check that can't fail checks nothing: what an equation claims is changed, and must be refused.

Each case names a quantity in a cell of a lesson. The cell is run with what it needs of the cells
before it; then again with the quantity changed right after it is computed, in two ways. Some
`agrees` of the cell must then fail. (Where both sides of a check share a quantity, it cancels, and
the check passes whatever the quantity is.)
"""

from __future__ import annotations

import ast
import builtins
import random

import matplotlib
import pytest
from conftest import ROOT, script

BUILD = script("build")
CLAIMS = {  # lesson, a piece of the cell's text, and the quantities that it claims something of
    ("01", "(1.19) draws"): ["log_Q", "gap", "costs"],
    ("01", 'name="(1.10), d = 20"'): ["growth"],
    ("02", "(2.5) trained D"): ["best"],
    ("02", "V(D*, G) from draws"): ["by_js", "drawn"],
    ("02", "this D is optimal"): ["value_on_sheet", "push"],
    ("02", "(2.11) saturating"): ["two_js", "reverse"],
    ("02", "(2.15) left"): ["mean_of_log", "D_i"],
    ("03", "the cheapest plan that a search finds"): ["fd", "root_b"],
    ("06", "(6.8) p(ε)·|dε/dz| integrates to"): ["right_form"],
    ("06", "(6.12) for five p"): ["inverse_C"],
    ("08", "(8.8) {name} from draws"): ["log_q_z", "tells", "told", "apart"],
    ("08", "(8.11) I(z; c) from draws"): ["leak", "style", "mixture"],
    ("08", "(8.17) what T learns: entropy"): ["learned", "known", "whole", "entropy"],
    ("10", "(10.18) the gap in four cells"): ["P_cell", "bound", "within"],
    ("10", "(10.19) against the levels"): ["bits", "code_length", "log_p"],
    ("10", "|det ∂ε/∂z|: a strip"): ["q_right", "strip"],
    ("11", "(11.12) and the levels' code"): ["code_length"],
}
CASES = [(lesson, cell, name) for (lesson, cell), names in CLAIMS.items() for name in names]
SAMPLE = set(random.Random(3).sample(range(len(CASES)), -(-len(CASES) // 10)))
CHANGES = ("{0} * 1.3", "{0} + 0.3")


def code_cells(lesson: str) -> list[str]:
    (file,) = (ROOT / "notebooks" / "source").glob(f"{lesson}_*.py")
    cells = BUILD.read_source(file).cells
    return [BUILD.without_markers(c.source) for c in cells if c.cell_type == "code"]


def stored(tree: ast.AST) -> set[str]:
    """Names that a cell binds at its top level (and in loops there)."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return found


def loaded(tree: ast.AST) -> set[str]:
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return names - set(dir(builtins))


def needed(cells: list[str], target: int) -> list[int]:
    """The earlier cells that a cell needs, by the names it uses; in order."""
    trees = [ast.parse(cell) for cell in cells]
    chosen, open_cells = set(), [target]
    while open_cells:
        at = open_cells.pop()
        for name in loaded(trees[at]):
            makers = [i for i in range(at) if name in stored(trees[i])]
            if makers and makers[-1] not in chosen:
                chosen.add(makers[-1])
                open_cells.append(makers[-1])
    return sorted(chosen)


def changed(cell: str, name: str, change: str) -> str:
    """The cell, with `name` changed after each of its assignments, or at the start."""
    tree = ast.parse(cell)
    line = ast.parse(f"{name} = {change.format(name)}").body[0]

    class Insert(ast.NodeTransformer):
        made = False

        def visit_Assign(self, node: ast.Assign):
            if name in stored(node):
                self.made = True
                return [node, line]
            return node

    insert = Insert()
    body = [insert.visit(node) for node in tree.body]
    flat = [part for node in body for part in (node if isinstance(node, list) else [node])]
    tree.body = flat if insert.made else [line, *flat]
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.fixture(scope="module")
def prepared():
    """(lesson, cell) → the namespace before that cell, and its text; made once."""
    matplotlib.use("agg")
    kept = {}

    def prepare(lesson: str, piece: str):
        if (lesson, piece) not in kept:
            cells = code_cells(lesson)
            at = [i for i, cell in enumerate(cells) if piece in cell]
            assert len(at) == 1, f"{len(at)} cells of lesson {lesson} hold {piece!r}"
            space: dict = {"__name__": "lesson"}
            for i in needed(cells, at[0]):
                exec(compile(cells[i], f"lesson {lesson}", "exec"), space)
            exec(compile(cells[at[0]], "the cell itself", "exec"), dict(space))  # it passes
            kept[lesson, piece] = (space, cells[at[0]])
        return kept[lesson, piece]

    return prepare


@pytest.mark.parametrize(
    ("lesson", "piece", "name"),
    [
        pytest.param(*case, marks=[] if i in SAMPLE else [pytest.mark.prove], id="-".join(case))
        for i, case in enumerate(CASES)
    ],
)
def test_a_changed_quantity_is_refused(lesson, piece, name, prepared, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    space, cell = prepared(lesson, piece)
    for change in CHANGES:
        with pytest.raises(AssertionError, match="✗"):
            exec(compile(changed(cell, name, change), "changed", "exec"), dict(space))


def test_a_check_whose_sides_share_a_quantity_would_be_found():
    cell = "q = a * 2\nagrees(a + q - q, a)\n"
    from course_lib.checks import agrees

    exec(changed(cell, "q", "{0} * 1.3"), {"a": 1.0, "agrees": agrees})  # passes: it cancels
    with pytest.raises(AssertionError):
        exec(
            changed("q = a * 2\nagrees(q, 2 * a)\n", "q", "{0} + 0.3"),
            {"a": 1.0, "agrees": agrees},
        )
