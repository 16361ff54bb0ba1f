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
    """Names that a piece of code binds, those in its functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
    return found


def loaded(source: str) -> set[str]:
    names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    return names - set(dir(builtins))


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
