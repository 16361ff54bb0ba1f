"""A panel with axes on a canvas: data coordinates in, pixels out, nothing outside the panel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_lib.explore.kit.canvas import GRID, INK, MUTED, PAPER, SCALE, Canvas
from course_lib.explore.kit.mouse import Point


def inside(at: Point, box: tuple[int, int, int, int]) -> bool:
    """Whether a pixel lies in the rectangle (left, top, right, bottom)."""
    return box[0] <= at[0] < box[2] and box[1] <= at[1] < box[3]


def fractions(at: Point, box: tuple[int, int, int, int]) -> Point:
    """A pixel as fractions of the rectangle: rightwards, and from its bottom up."""
    left, top, right, bottom = box
    return (at[0] - left) / (right - left), (bottom - at[1]) / (bottom - top)


class Plane:
    """A rectangle (left, top, right, bottom) of a canvas that shows xlim × ylim.

    What is drawn through it is cut at its border when `close` puts it on the canvas.
    """

    def __init__(
        self,
        canvas: Canvas,
        box: tuple[int, int, int, int],
        xlim: tuple[float, float],
        ylim: tuple[float, float],
    ) -> None:
        self.canvas, self.box, self.xlim, self.ylim = canvas, box, xlim, ylim
        left, top, right, bottom = box
        self.sheet = Canvas(right - left, bottom - top, PAPER)
        self.sheet.large = canvas.large.crop([v * SCALE for v in box])
        self.sheet.pen = type(canvas.pen)(self.sheet.large)

    def at(self, points: object) -> np.ndarray:
        """Data coordinates (n, 2) → pixels of the panel (n, 2)."""
        points = np.asarray(points, dtype=float).reshape(-1, 2)
        (x0, x1), (y0, y1) = self.xlim, self.ylim
        x = (points[:, 0] - x0) / (x1 - x0) * self.sheet.width
        y = (y1 - points[:, 1]) / (y1 - y0) * self.sheet.height
        return np.stack([x, y], axis=1).clip(-4000, 4000)

    def line(self, points: object, color: str, width: float = 2.0, dash: float = 0.0) -> None:
        """A line through data points (n, 2)."""
        self.sheet.line(self.at(points), color, width, dash)

    def fill(self, points: object, color: str) -> None:
        """A filled shape with corners at data points (n, 2)."""
        self.sheet.polygon(self.at(points), color)

    def discs(self, points: object, radius: float, color: str, rim: str | None = None) -> None:
        """A dot on each data point."""
        for x, y in self.at(points):
            self.sheet.disc(x, y, radius, color, rim)

    def grid(self, xs: Sequence[float], ys: Sequence[float], color: str = GRID) -> None:
        """Thin lines at these values."""
        for x in xs:
            self.line([(x, self.ylim[0]), (x, self.ylim[1])], color, 0.8)
        for y in ys:
            self.line([(self.xlim[0], y), (self.xlim[1], y)], color, 0.8)

    def ticks(
        self,
        xs: Sequence[tuple[float, str]],
        ys: Sequence[tuple[float, str]],
        xlabel: str = "",
        ylabel: str = "",
    ) -> None:
        """Numbers along the lower and left borders, and the names of the axes at their ends."""
        left, top, right, bottom = self.box
        for value, words in xs:
            x = left + self.at([(value, 0)])[0, 0]
            self.canvas.text(x, bottom + 5, words, size=12, color=MUTED, anchor="ma")
        for value, words in ys:
            y = top + self.at([(0, value)])[0, 1]
            self.canvas.text(left - 6, y, words, size=12, color=MUTED, anchor="rm")
        if xlabel:
            self.canvas.text((left + right) / 2, bottom + 22, xlabel, size=13, anchor="ma")
        if ylabel:
            self.canvas.text(left - 2, top - 7, ylabel, size=13, anchor="ls", color=INK)

    def close(self, rim: str | None = MUTED) -> None:
        """Put the panel on the canvas, with a rim."""
        left, top, right, bottom = self.box
        self.canvas.large.paste(self.sheet.large, (left * SCALE, top * SCALE))
        if rim:
            self.canvas.box(left, top, right, bottom, rim=rim, width=0.8)
