"""What the judge of faces reads in a picture, as a table beside another reading, and in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from course_lib.data.faces import FACTORS
from course_lib.errors import CourseError
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.panels import Panel

ROW, TITLE = 19, 24
MOVED = 0.25  # of its range: a continuous factor that changes by less is not called changed
Reading = dict[str, float | int]


def judge_for(shape: tuple[int, ...], judge: object, what: str) -> object:
    """The judge given, or the shipped one; a `CourseError` unless it can read such images."""
    if shape[0] != 3:
        raise CourseError(
            f"{what} asks the judge of faces, who reads colour images, not those of shape {shape}."
        )
    if judge is None:
        from course_lib import evaluation

        judge = evaluation.face_factors()
    if not callable(getattr(judge, "read", None)):
        raise CourseError(
            f"{what} wants a judge such as evaluation.face_factors(); got {judge!r:.60}."
        )
    return judge


def read(judge: object, pixels: np.ndarray) -> dict[str, torch.Tensor]:
    """The factors of pictures uint8 (n, H, W, 3), each (n,)."""
    found = judge.read(torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))))
    return {name: found[name] for name in FACTORS}


def one(factors: Mapping[str, torch.Tensor], index: int) -> Reading:
    """The reading of one picture as plain numbers."""
    return {name: values[index].item() for name, values in factors.items()}


def changed(before: Reading, after: Reading) -> list[str]:
    """Choices that differ, and continuous factors that moved by a quarter of their range."""

    def differs(name: str) -> bool:
        factor = FACTORS[name]
        if factor.kind == "choice":
            return before[name] != after[name]
        return abs(after[name] - before[name]) > MOVED * (factor.high - factor.low)

    return list(filter(differs, FACTORS))


def said(name: str, value: float | int) -> str:
    """A factor's value in a word or two decimals."""
    factor = FACTORS[name]
    if factor.kind == "choice":
        return factor.options[int(value)]
    words = f"{round(value, 2) + 0.0:{'+' if factor.low < 0 else ''}.2f}"
    return words.replace("-", "−").replace("+0.00", "0.00")


def worded(before: Reading, after: Reading) -> str:
    """What changed: "glasses no → yes, smile −0.20 → +0.55", or "nothing"."""
    parts = (
        f"{name.replace('_', ' ')} {said(name, before[name])} → {said(name, after[name])}"
        for name in changed(before, after)
    )
    return ", ".join(parts) or "nothing"


class Readings(Panel):
    """All factors by row, a reading by column; rows in which the two differ are coloured."""

    def __init__(self, width: int = 330) -> None:
        super().__init__(width, TITLE + ROW * len(FACTORS), None)

    def paint(self, canvas: Canvas, columns: Mapping[str, Reading]) -> None:
        """Two readings, each below its name."""
        left, top, right, _ = self.box
        ends = right - 105, right
        for name, x in zip(columns, ends, strict=True):
            canvas.text(x, top, name, size=13, bold=True, anchor="ra")
        first, second = columns.values()
        differ = changed(first, second)
        for index, name in enumerate(FACTORS):
            y = top + TITLE + ROW * index
            color, bold = (ORANGE, True) if name in differ else (INK, False)
            canvas.line([(left, y - 2), (right, y - 2)], GRID, 0.6)
            canvas.text(left, y, name.replace("_", " "), size=13, color=color, bold=bold)
            for x, reading, ink in zip(ends, (first, second), (MUTED, color), strict=True):
                strong = bold and reading is second
                words = said(name, reading[name])
                canvas.text(x, y, words, size=13, color=ink, bold=strong, anchor="ra")
