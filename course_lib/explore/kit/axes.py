"""Panels with axes: a pad in the plane, curves over one number, bars.

Data coordinates go in, pixels come out, nothing is drawn outside of the panel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from course_lib.explore.kit.canvas import GRID, INK, MUTED, PAPER, SCALE, Canvas
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.panels import Panel
from course_lib.plots.lattice import spread

Limits = tuple[float, float]
Ticks = Sequence[tuple[float, str]]


def ticks(low: float, high: float, most: int) -> Ticks:
    """Round values within the limits, `most` at most, each with its words."""
    raw = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(scale * m for m in (1, 2, 5, 10) if scale * m >= raw * 0.999)
    places = np.arange(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)
    return [(float(v), f"{v:g}") for v in (round(k * step, 9) + 0.0 for k in places)]


class Plane:
    """What is being painted on a pad: shapes in data coordinates."""

    def __init__(self, box: tuple, canvas: Canvas, xlim: Limits, ylim: Limits) -> None:
        left, top, right, bottom = box
        self.xlim, self.ylim = xlim, ylim
        self.sheet = Canvas(right - left, bottom - top)
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

    def discs(self, points: object, radius: float, color: object, rim: str | None = None):
        """A dot on each data point, in one colour or a list of them."""
        places = self.at(points)
        colors = [color] * len(places) if isinstance(color, str) else color
        for (x, y), ink in zip(places, colors, strict=True):
            self.sheet.disc(x, y, radius, ink, rim)

    def arrow(self, tail: object, tip: object, color: str, width: float = 1.2) -> None:
        """An arrow between two data points, its head as long as a third of it, 7 pixels at most."""
        a, b = self.at([tail, tip])
        long = float(np.hypot(*(b - a)))
        if long < 0.5:
            return
        along = (b - a) / long * min(7.0, max(3.0, long / 3))
        side = np.array([-along[1], along[0]]) * 0.45
        self.sheet.line([a, b - along * 0.5], color, width)
        self.sheet.polygon([b, b - along + side, b - along - side], color)

    def area(self, x0: float, x1: float, y0: float, y1: float, color: str) -> None:
        """A filled rectangle."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color)

    def upright(self, x: float, color: str = GRID, width: float = 0.8) -> None:
        """An upright line over the whole height."""
        self.line([(x, self.ylim[0]), (x, self.ylim[1])], color, width)

    def level(self, y: float, color: str = GRID) -> None:
        """A level line over the whole width."""
        self.line([(self.xlim[0], y), (self.xlim[1], y)], color, 0.8)

    def circle(self, radius: float, color: str, width: float = 1.0, dash: float = 0.0) -> None:
        """A circle around the origin."""
        turn = np.linspace(0, 2 * np.pi, 181)
        self.line(radius * np.stack([np.cos(turn), np.sin(turn)], 1), color, width, dash)

    def rings(self) -> None:
        """One, two and three σ of a standard normal, dashed."""
        for sigma in (1, 2, 3):
            self.circle(sigma, MUTED, 1.0, 5)


class Pad(Panel):
    """A panel that shows xlim × ylim; its value is the place (x, y) under a pixel.

    xticks, yticks: values with their words, () for none, None for round ones. xname: below.
    """

    def __init__(
        self,
        width: int,
        height: int,
        xlim: Limits,
        ylim: Limits,
        title: str | None = "",
        *,
        xticks: Ticks | None = None,
        yticks: Ticks | None = None,
        xname: str = "",
        grid: str = "",
        room: int = 30,
    ) -> None:
        self.xlim, self.ylim, self.grid, self.xname = xlim, ylim, grid, xname
        self.xticks, self.yticks = xticks, yticks
        left, bottom = 0 if yticks == () else room, 0 if xticks == () else 20
        right = 8 if bottom else 0
        super().__init__(width, height, title, (left, 0, right, bottom + (18 if xname else 0)))

    def value(self, at: Point) -> object:
        """The data coordinates of a pixel, within the limits."""
        x, y = self.share(at)
        return self.xlim[0] + x * np.ptp(self.xlim), self.ylim[0] + y * np.ptp(self.ylim)

    @contextmanager
    def on(
        self,
        canvas: Canvas,
        xlim: Limits | None = None,
        ylim: Limits | None = None,
        xticks: Ticks | None = None,
        yticks: Ticks | None = None,
        rim: str = MUTED,
    ) -> Iterator[Plane]:
        """Within `with` one paints on the pad through a `Plane`, with other limits if asked;
        with xticks = () what stands below the pad is not written again.
        """
        left, top, right, bottom = self.box
        plane = Plane(self.box, canvas, xlim or self.xlim, ylim or self.ylim)
        xs = self.xticks if xticks is None else xticks
        ys = self.yticks if yticks is None else yticks
        xs = ticks(*plane.xlim, max(2, self.width // 48)) if xs is None else xs
        ys = ticks(*plane.ylim, max(2, self.height // 34)) if ys is None else ys
        for value, words in xs:
            x = left + plane.at([(value, 0)])[0, 0]
            canvas.text(x, bottom + 5, words, size=12, color=MUTED, anchor="ma")
            if "x" in self.grid:
                plane.upright(value)
        for value, words in ys:
            y = top + plane.at([(0, value)])[0, 1]
            canvas.text(left - 6, y, words, size=12, color=MUTED, anchor="rm")
            if "y" in self.grid:
                plane.level(value)
        if self.xname and xticks != ():
            y = bottom + (6 if self.xticks == () else 22)
            canvas.text((left + right) / 2, y, self.xname, size=13, anchor="ma")
        yield plane
        canvas.large.paste(plane.sheet.large, (left * SCALE, top * SCALE))
        canvas.box(left, top, right, bottom, rim=rim, width=0.8)


class Curve(Pad):
    """Lines over one number; its value is that number under a pixel."""

    def value(self, at: Point) -> float:
        """The number under a pixel."""
        return super().value(at)[0]

    def paint(
        self,
        canvas: Canvas,
        lines: Sequence[tuple],
        at: float | None = None,
        band: Limits | None = None,
        dots: Sequence[tuple[float, float, str]] = (),
        **limits: object,
    ) -> None:
        """Lines (xs, ys, colour, width, dash), a band between two heights, an upright line."""
        with self.on(canvas, **limits) as plane:
            if band:
                plane.area(*plane.xlim, *band, "#E4E4E4")
            if at is not None:
                plane.upright(at, INK, 1.4)
            for xs, ys, color, width, dash in lines:
                plane.line(np.stack([xs, ys], 1), color, width, dash)
            for x, y, color in dots:
                plane.discs([(x, y)], 5, color, PAPER)


class Bars(Panel):
    """Numbers as bars from a common zero, their names at the left, their words at the ends."""

    def __init__(
        self, width: int, height: int, title: str = "", names: int = 120, ends: int = 50
    ) -> None:
        self.ends = ends
        super().__init__(width, height, title, (names, 0, 0, 0))

    def paint(
        self,
        canvas: Canvas,
        rows: Sequence[tuple[str, float, str, str]],
        limits: Limits | None = None,
        most: float = 30.0,
    ) -> None:
        """Rows (name, value, colour, words), `most` pixels high at most; values beyond the
        limits, their own unless given, are cut there, with a slit before the end."""
        left, top, right, bottom = self.box
        values = np.array([value for _, value, _, _ in rows])
        low, high = limits or (min(values.min(), 0.0), max(values.max(), 0.0))
        begin = left + (self.ends if low < 0 else 0)
        unit = (right - self.ends - begin) / max(high - low, 1e-6)
        zero, height = begin - low * unit, min(most, (bottom - top) / len(rows))
        size = 12 if height >= 16 else 10
        middles = top + height * (np.arange(len(rows)) + 0.5)
        named = [index for index, row in enumerate(rows) if row[0]]
        least = min(size + 2, (bottom - top) / max(1, len(named)))
        apart = spread(np.stack([np.zeros(len(named)), middles[named]], 1), least)
        for index, (_, y) in zip(named, apart, strict=True):
            canvas.text(left - 8, y, rows[index][0], size=size, anchor="rm")
        for index, (_, value, color, words) in enumerate(rows):
            y, end = top + height * index, zero + min(max(value, low), high) * unit
            inset = 0.15 * height
            canvas.box(min(zero, end), y + inset, max(zero + 1, end), y + height - inset, color)
            if not low <= value <= high:
                slit = end - 12 if value > high else end + 8
                across = [(slit, y + height - inset), (slit + 5, y + inset)]
                canvas.line(across, PAPER, 3)
            place, anchor = (end + 5, "lm") if max(value, low) >= 0 else (end - 5, "rm")
            canvas.text(place, middles[index], words, size=size, anchor=anchor)
        canvas.line([(zero, top), (zero, top + height * len(rows))], INK, 1.2)
