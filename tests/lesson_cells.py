"""A lesson's code cells, and the few of them that a piece of code needs, run at smoke."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
from functools import cache

import matplotlib
from conftest import ROOT, script

BUILD = script("build")


@cache
def source_cells(lesson: str) -> list:
    """All cells of a lesson's source, solutions in place and without markers."""
    (file,) = (ROOT / "notebooks" / "source").glob(f"{lesson}_*.py")
    cells = BUILD.read_source(file).cells
    for cell in cells:
        cell.source = BUILD.without_markers(cell.source)
    return cells


def stored(source: str) -> set[str]:
    """Names that a piece of code binds outside its functions."""
    bound: set[str] = set()
    wanted(ast.parse(source).body, bound)
    return bound


def loaded(source: str) -> set[str]:
    """Names that a piece of code uses and has not bound itself before."""
    return wanted(ast.parse(source).body, set())


def wanted(body: list[ast.stmt], bound: set[str]) -> set[str]:
    """What these statements use before they bind it; adds to `bound` what they bind."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            own = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
            own |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)
                    and isinstance(n.ctx, ast.Store)}  # fmt: skip
            found |= free(node) - own - bound
            bound |= {node.name}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(a.asname or a.name).split(".")[0] for a in node.names}
        else:
            heads = [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.stmt)]
            binds = {n.id for h in heads for n in ast.walk(h) if isinstance(n, ast.Name)
                     and isinstance(n.ctx, ast.Store)}  # fmt: skip
            read = set().union(*map(free, heads)) | (
                binds if isinstance(node, ast.AugAssign) else set()
            )
            found |= read - bound
            bound |= binds
            found |= wanted(
                [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)], bound
            )
    return found


def free(node: ast.AST) -> set[str]:
    """Names that an expression reads, without its comprehensions' and lambdas' own."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    own = {n.id for c in ast.walk(node) if isinstance(c, ast.comprehension)
           for n in ast.walk(c.target) if isinstance(n, ast.Name)}  # fmt: skip
    own |= {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
    return {n.id for n in names if isinstance(n.ctx, ast.Load)} - own - set(dir(builtins))


def needed(cells: list[str], code: str) -> list[int]:
    """Which of these cells a piece of code that follows them needs, by names; in order."""
    chosen: set[int] = set()
    waiting = [(len(cells), code)]
    while waiting:
        at, text = waiting.pop()
        for name in loaded(text):
            makers = [i for i in range(at) if name in stored(cells[i])]
            if makers and makers[-1] not in chosen:
                chosen.add(makers[-1])
                waiting.append((makers[-1], cells[makers[-1]]))
    return sorted(chosen)


def printed(cells: list[str], pieces: dict[str, tuple[int, str]]) -> dict[str, list[str]]:
    """The lines that each piece of code prints when it runs after the cell of that index; one
    line with the error for a piece that stops. Of the cells only those run that are needed, once.
    """
    matplotlib.use("agg")
    wanted = {i for at, code in pieces.values() for i in needed(cells[: at + 1], code)}
    space: dict = {"__name__": "lesson"}
    found = {}
    for i, cell in enumerate(cells):
        if i in wanted:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell, f"cell {i}", "exec"), space)
        for name, (at, code) in pieces.items():
            if at == i:
                out = io.StringIO()
                try:
                    with contextlib.redirect_stdout(out):
                        exec(compile(code, name, "exec"), dict(space))
                    found[name] = out.getvalue().splitlines()
                except Exception as error:
                    found[name] = [f"{type(error).__name__}: {error}"]
    return found
