"""Changes what an `agrees` of a lesson claims something about, and says whether it is noticed.

    python claims.py FILE SHARE NN ...    a share of the cells with claims of these lessons, one at
                                      least, to FILE

A check that can't fail checks nothing. Each `agrees(value, reference)` is read for the quantities
that its two sides are computed from: numbers, tensors and functions, those of the call itself and
those of the cell's own lines that feed it. The cell is run again with one quantity changed where
it is made. One side of the changed run is then held against the other side of the run before: a
side that does not see the change lets it cancel, and the check would pass whatever the quantity
is. Every changed run is a fork of the process that has run the lesson up to there, so nothing it
does is left behind. `claimed.py` reads the cells.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import os
import pickle
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType

import torch
from claimed import SIDES, Site, changing, sites
from lesson_cells import needed, source_cells
from torch.distributions import MultivariateNormal, Normal

from course_lib.checks import agrees
from course_lib.checks.compare import numeric

LIMIT = 60  # processor seconds of a changed run: a changed number may make a loop endless
WHOLE = "the side itself"  # as if all that it is computed from were changed


class Unfit(Exception):
    """Nothing in this value can be changed by a small amount."""


def stretch(x, factor: float):
    return x * factor


def shift(x, part: float):
    size = x.abs().mean().item() if isinstance(x, torch.Tensor) else abs(x)
    return x + part * max(1.0, size)


def turn(x):
    return x.flip(-1) if isinstance(x, torch.Tensor) and x.dim() else -x


# Two of them must be refused; the later ones are for probabilities, inequalities, zeros.
WAYS: tuple[Callable, ...] = (
    partial(stretch, factor=1.3),
    partial(shift, part=0.3),
    partial(stretch, factor=0.7),
    partial(shift, part=-0.2),
    partial(stretch, factor=-1.0),
    turn,
    partial(stretch, factor=0.9),
    partial(shift, part=1.0),
    partial(shift, part=-1.0),
)


def changed(value, way: Callable, counts: bool = True):
    """The value with all its numbers changed; of a function, what it gives. A whole number that
    feeds a call from afar mostly counts draws: it is left alone where `counts` is false."""
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel():
        if value.is_leaf and value.requires_grad:
            return way(value.detach()).requires_grad_()
        return way(value)
    if isinstance(value, float):
        return way(value)
    if counts and isinstance(value, int) and not isinstance(value, bool):
        return max(1, value + (max(1, value // 3) if way(1.0) > 1 else -max(1, value // 3)))
    if isinstance(value, (list, dict)) or type(value) is tuple:
        return some(value, way, counts)
    if isinstance(value, Normal):
        other = copy.copy(value)
        other.loc, other.scale = way(value.loc), 1.2 * value.scale
        return other
    if isinstance(value, MultivariateNormal):
        return MultivariateNormal(way(value.loc), 1.44 * value.covariance_matrix)
    if isinstance(value, (FunctionType, partial)):
        return lambda *a, **k: changed(value(*a, **k), way)
    raise Unfit


def some(values, way: Callable, counts: bool):
    """A list, tuple or dict with each value changed where it can be; at least one must be."""
    found, fit = [], False
    for value in values.values() if isinstance(values, dict) else values:
        try:
            found.append(changed(value, way, counts))
            fit = True
        except Unfit:
            found.append(value)
    if not fit:
        raise Unfit
    made = zip(values, found, strict=True) if isinstance(values, dict) else found
    return type(values)(made)


# Runs ------------------------------------------------------------------------------------------


def recorded(space: dict, source: str, name: str | None = None, change: Callable | None = None):
    """({index: [(value, reference, error, tol), …]}, what stopped it) of a run of the cell in
    `space`, perhaps with one name changed; in a fork."""

    def run():
        found: dict[int, list] = {}

        def record(index, value, reference, *, error=None, tol=1e-10, name=""):
            entry = (numeric(value), numeric(reference), numeric(error), tol)
            found.setdefault(index, []).append(entry)

        code, made = changing(source, name)
        space.update(__agrees__=record, __change__=change)
        space["refuses"] = lambda *a, **k: None
        signal.signal(signal.SIGVTALRM, endless)
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
        try:
            if name in space and not made:
                space[name] = change(space[name])
            exec(code, space)
        except (Exception, SystemExit) as error:
            return found, f"{type(error).__name__}: {error}"[:120]
        return found, ""

    return forked(run)


def endless(*_):
    raise TimeoutError(f"no end in {LIMIT} processor seconds")


def forked(work: Callable):
    """What `work` gives in a process of its own, silent."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            with silent():
                data = pickle.dumps(work())
        except BaseException as error:
            data = pickle.dumps(({}, f"{type(error).__name__}: {error}"))
        with open(writing, "wb") as pipe:
            pipe.write(data)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def silent():
    return contextlib.redirect_stdout(io.StringIO())


def verdict(side: str, clean: list, new: list) -> str:
    """Of a changed side: "refused" by the check, "passed", or "same" where it came out to the
    bit."""
    moved = refused = False
    for (value, reference, error, tol), other in zip(clean, new, strict=False):
        moved |= not torch.equal(other, value if side == "value" else reference)
        try:
            with silent():
                agrees(
                    *((other, reference) if side == "value" else (value, other)),
                    error=error,
                    tol=tol,
                )
        except AssertionError:
            refused = True
    return "refused" if refused else "passed" if moved else "same"


def tried(space: dict, source: str, site: Site, side: str, name: str, runs: dict) -> list[str]:
    """What became of the ways to change `name` on one side, until two are refused."""
    at, clean, verdicts = SIDES.index(side), runs["clean"][site.index], []
    counts = name in site.direct[at]
    for i, way in enumerate(WAYS):
        if verdicts.count("refused") == 2:
            break
        if name == WHOLE:
            new = [way(entry[at]) for entry in clean]
        else:
            if (name, counts, i) not in runs:
                change = partial(changed, way=way, counts=counts)
                runs[name, counts, i] = recorded(space, source, name, change)
            found, stopped = runs[name, counts, i]
            new = [entry[at] for entry in found.get(site.index, [])]
            if not new:
                verdicts.append(stopped or "not reached")
                continue
        verdicts.append(verdict(side, clean, new))
    return verdicts


def findings(lesson: str, share: float, whole: bool) -> list[dict]:
    """A row for each quantity on each side of each claim, in a share of the cells with claims;
    of the other cells all run, or those that these need by the names in them."""
    cells = [cell.source for cell in source_cells(lesson) if cell.cell_type == "code"]
    every = {i: sites(lesson, i, cell) for i, cell in enumerate(cells) if "agrees(" in cell}
    drawn = random.Random(f"claims of lesson {lesson}")
    chosen = drawn.sample(list(every), min(len(every), max(1, math.ceil(share * len(every)))))
    wanted = {j for i in chosen for j in (i, *needed(cells[:i], cells[i]))}
    space: dict = {"__name__": "lesson"}
    rows: list[dict] = []
    for i, source in enumerate(cells):
        if i in chosen:
            clean, stopped = recorded(space, source)
            runs: dict = {"clean": clean}
            for site in every[i]:
                row = {"lesson": lesson, "cell": i, "index": site.index, "title": site.title}
                if site.index not in clean:
                    rows.append(row | {"side": "", "name": "", "verdicts": [stopped]})
                for side in SIDES if site.index in clean else ():
                    for name in (WHOLE, *site.asked(side, space)):
                        said = tried(space, source, site, side, name, runs)
                        rows.append(row | {"side": side, "name": name, "verdicts": said})
        if i in wanted or whole:
            with silent():
                exec(compile(source, f"lesson {lesson}", "exec"), space)
    return rows


if __name__ == "__main__":
    os.environ |= {"COURSE_BUDGET": "smoke", "COURSE_PROGRESS": "0", "COURSE_STATIC": "1"}
    torch.set_num_threads(1)
    for part in ("evaluation", "explore", "zoo"):
        import_module(f"course_lib.{part}")  # once, not in the fork of each lesson
    file, share, *lessons = sys.argv[1:]
    found = {}
    for lesson in lessons:
        for whole in (share == "1", True):  # all cells, too, where those needed by name fail
            found[lesson] = forked(partial(findings, lesson, float(share), whole))
            if isinstance(found[lesson], list):
                break
    Path(file).write_text(json.dumps(found))
