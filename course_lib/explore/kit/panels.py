"""Panels: rectangles of a picture that know their place and what a place on them means.

A `Page` puts panels in rows and so gives each its `box`; an explorer names no pixel. A panel of
its `mouse` can be pointed at: `value` says what a pixel means. Those with axes stand in `axes`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.mouse import Point

TITLE, EDGE, GAP = 30, 6, 4
Box = tuple[int, int, int, int]


class Panel:
    """A rectangle of width × height, a title above it, and margins (left, top, right, bottom)."""

    def __init__(
        self, width: int, height: int, title: str | None = "", margin: Box = (0, 0, 0, 0)
    ) -> None:
        self.width, self.height, self.title = width, height, title
        left, top, right, bottom = margin
        self.margin = left, top + (0 if title is None else TITLE), right, bottom
        self.left = self.top = 0

    @property
    def box(self) -> Box:
        """Left, top, right and bottom on the picture."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    @property
    def outer(self) -> tuple[int, int]:
        """Width and height with the margins."""
        left, top, right, bottom = self.margin
        return left + self.width + right, top + self.height + bottom

    def put(self, left: int, top: int) -> None:
        """Give the panel its place, that of its margins' corner."""
        self.left, self.top = left + self.margin[0], top + self.margin[1]

    def heading(self, canvas: Canvas, words: str, color: str = INK) -> None:
        """Words above the panel, "title | note": a note stands at the right."""
        left, top, right, _ = self.box
        words, _, note = words.partition(" | ")
        canvas.text(left, top - 9, words, size=14, bold=True, anchor="ls", color=color)
        canvas.text(right, top - 9, note, size=13, anchor="rs", color=MUTED)

    def print(self, paper: Canvas) -> None:
        """What no control changes: the title."""
        if self.title:
            self.heading(paper, self.title)

    def holds(self, at: Point) -> bool:
        """Whether a pixel lies on the panel."""
        left, top, right, bottom = self.box
        return left <= at[0] < right and top <= at[1] < bottom

    def share(self, at: Point) -> Point:
        """A pixel as fractions of the panel, rightwards and upwards; the nearest if beside."""
        x, y = (at[0] - self.left) / self.width, 1 - (at[1] - self.top) / self.height
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def value(self, at: Point) -> object:
        """What a pixel means: here its fractions."""
        return self.share(at)

    def cross(
        self, canvas: Canvas, x: float, y: float, half: float = 15, arms: bool = True
    ) -> None:
        """A cross-hair at fractions (x, y) that leaves open a square around its place; without
        `arms` it hides nothing but has only their ends, at the borders."""
        left, top, right, bottom = self.box
        right, bottom = right - 1, bottom - 1
        x = min(max(left + x * self.width, left + 1), right - 1)
        y = min(max(bottom - y * self.height, top + 1), bottom - 1)
        box = (
            max(x - half, left),
            max(y - half, top),
            min(x + half, right),
            min(y + half, bottom),
        )
        (a, b, c, d), more = (box, 0) if arms else ((left, top, right, bottom), 7)
        for begin, end in ((left - more, a), (c, right + more)):
            canvas.mark([(begin, y), (end, y)], ORANGE, rim=arms)
        for begin, end in ((top - more, b), (d, bottom + more)):
            canvas.mark([(x, begin), (x, end)], ORANGE, rim=arms)
        canvas.frame(box, ORANGE, rim=True)


class Row(Panel):
    """Panels side by side that take one place of a row together."""

    def __init__(self, *panels: Panel, gap: int = 14) -> None:
        self.panels, self.gap = panels, gap
        wide = sum(panel.outer[0] + gap for panel in panels) - gap
        super().__init__(wide, max(panel.outer[1] for panel in panels), None)

    def put(self, left: int, top: int) -> None:
        """Give each its place."""
        for panel in self.panels:
            panel.put(left, top)
            left += panel.outer[0] + self.gap

    def print(self, paper: Canvas) -> None:
        """The titles of all."""
        for panel in self.panels:
            panel.print(paper)


class Page:
    """Rows of panels, and the sheet on which they are painted.

    An item of a row is a panel, or a list of panels below each other. What a row does not fill
    lies between them. `paper` holds what no control changes: titles, and what one adds to it.
    """

    def __init__(self, *rows: list, width: int = 820, gap: int = 14) -> None:
        top, placed = EDGE, []
        for row in rows:
            stacks = [item if isinstance(item, list) else [item] for item in row]
            widths = [max(panel.outer[0] for panel in stack) for stack in stacks]
            spare = (width - 2 * EDGE - sum(widths)) / max(1, len(stacks) - 1)
            left, tall = float(EDGE), 0
            for stack, wide in zip(stacks, widths, strict=True):
                below = top
                for panel in stack:
                    panel.put(round(left), below)
                    placed.append(panel)
                    below += panel.outer[1] + gap
                tall, left = max(tall, below - top - gap), left + wide + spare
            top += tall + gap
        self.size = width, top - gap + EDGE
        self.paper = Canvas(*self.size)
        for panel in placed:
            panel.print(self.paper)


def fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 3) enlarged a whole number of times to at most `side`, or made smaller."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        zoom = side // longest
        return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    size = tuple(max(1, round(v * side / longest)) for v in pixels.shape[1::-1])
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def put(canvas: Canvas, pixels: np.ndarray, left: int, top: int, side: int) -> Box:
    """A picture in the middle of a square of `side`; where it lies."""
    picture = fitted(pixels, side)
    high, wide = picture.shape[:2]
    left, top = left + (side - wide) // 2, top + (side - high) // 2
    canvas.picture(picture, left, top)
    return left, top, left + wide, top + high


class Face(Panel):
    """One picture in a square."""

    def __init__(self, side: int, title: str = "") -> None:
        super().__init__(side, side, title)

    def paint(
        self, canvas: Canvas, pixels: np.ndarray, words: str = "", color: str = INK
    ) -> None:
        """The picture (H, W, 3), words above it."""
        self.heading(canvas, words, color)
        put(canvas, pixels, self.left, self.top, self.width)


class Button(Panel):
    """Words to press on."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height, None)

    def paint(self, canvas: Canvas, words: str) -> None:
        """The button on the paper."""
        left, top, right, bottom = self.box
        canvas.box(left, top, right, bottom, fill="#F2F2F2", rim=MUTED)
        canvas.text((left + right) / 2, (top + bottom) / 2, words, size=14, anchor="mm")


class Tiles(Panel):
    """Pictures of one size, row by row, numbered from 0; its value is the number of a tile."""

    def __init__(
        self,
        columns: int,
        n: int,
        title: str | None = "",
        *,
        side: int = 64,
        gap: int = GAP,
        names: int = 20,
    ) -> None:
        self.columns, self.n, self.side, self.gap = columns, n, side, gap
        rows, pitch = -(-n // columns), side + gap
        super().__init__(columns * pitch - gap, rows * pitch - gap, title, (names, 0, 0, 0))

    def corner(self, index: int) -> tuple[int, int]:
        """The top left corner of a tile."""
        row, column = divmod(index, self.columns)
        pitch = self.side + self.gap
        return self.left + column * pitch, self.top + row * pitch

    def value(self, at: Point) -> int | None:
        """The number of the tile under a pixel; None beside them."""
        pitch = self.side + self.gap
        column, row = (at[0] - self.left) // pitch, (at[1] - self.top) // pitch
        index = int(row * self.columns + column)
        return index if 0 <= column < self.columns and 0 <= index < self.n else None

    def paint(self, canvas: Canvas, pictures: np.ndarray, first: int = 0) -> None:
        """Pictures (n, H, W, 3), each in its tile, from the tile `first` on."""
        for index, picture in enumerate(pictures, first):
            put(canvas, picture, *self.corner(index), self.side)

    def names(self, canvas: Canvas, words: list[str]) -> None:
        """Words at the left of each row."""
        for row, word in enumerate(words):
            x, y = self.corner(row * self.columns)
            canvas.text(x - 6, y + self.side / 2, word, size=12, color=MUTED, anchor="rm")

    def numbered(self, canvas: Canvas) -> None:
        """The number of the first tile of each row at its left."""
        self.names(canvas, [f"{first}" for first in range(0, self.n, self.columns)])

    def titles(
        self, canvas: Canvas, words: Sequence[str], chosen: int, up: int, size: int = 14
    ) -> None:
        """Words above each column, `up` pixels; the chosen one's bold and orange."""
        for column, word in enumerate(words):
            (x, y), strong = self.corner(column), column == chosen
            at, ink = (x + self.side / 2, y - up), ORANGE if strong else INK
            canvas.text(*at, word, size=size, bold=strong, color=ink, anchor="ms")

    def rim(
        self, canvas: Canvas, index: int, color: str, word: str = "", slot: int = 0
    ) -> None:
        """A border around a tile, and a letter in its upper left; a further one, by `slot`,
        lies within the first, its letter to the right."""
        x, y = self.corner(index)
        near, far = 4 * slot - 1, self.side - 4 * slot
        canvas.frame((x + near, y + near, x + far, y + far), color, 3)
        canvas.text(x + 5 + 17 * slot, y + 3, word, size=17, color=color, bold=True, halo=True)


class Strip(Panel):
    """Pictures along a way from t = 0 to t = 1, a pointer below; its value is t."""

    def __init__(self, width: int, side: int) -> None:
        self.side = side
        super().__init__(width, side + 18, None, (0, 0, 0, 18))

    def value(self, at: Point) -> float:
        """How far along the way a pixel lies."""
        t = (at[0] - self.left - self.side / 2) / (self.width - self.side)
        return min(max(t, 0.0), 1.0)

    def paint(
        self,
        canvas: Canvas,
        pictures: np.ndarray,
        t: float,
        ends: tuple[str, str],
        colors: tuple[str, str],
    ) -> None:
        """Pictures (n, H, W, 3) at equal steps, the pointer at t, words below both ends."""
        left, top, right, bottom = self.box
        for index, picture in enumerate(pictures):
            x = left + (self.width - self.side) * index / (len(pictures) - 1)
            put(canvas, picture, round(x), top, self.side)
        begin, end, line = left + self.side / 2, right - self.side / 2, bottom - 6
        place = begin + t * (end - begin)
        canvas.line([(begin, line), (end, line)], GRID, 2)
        canvas.polygon([(place, line - 8), (place - 7, line + 5), (place + 7, line + 5)], INK)
        for x, words, ink, anchor in zip(
            (left, right), ends, colors, ("la", "ra"), strict=True
        ):
            canvas.text(x, bottom + 1, words, size=13, color=ink, anchor=anchor, bold=True)
