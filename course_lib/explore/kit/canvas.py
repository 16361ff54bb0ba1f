"""A sheet of paper for explorers: shapes drawn large and reduced, so that edges are smooth.

Matplotlib takes some 200 ms for a figure, a slider wants 60 at most, Pillow takes ten.
Coordinates are pixels of the finished picture, from the top left corner. Text is set after the
reduction, so that it stays sharp.
"""

from __future__ import annotations

import copy
import functools
import io
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from course_lib.plots.style import GRID, INK, MUTED, PALETTE, drawable

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
PAPER, PALE = "#FFFFFF", "#8FB8D8"
SCALE = 2
__all__ = ["BLUE", "GREEN", "GRID", "INK", "MUTED", "ORANGE", "PALE", "PAPER", "PINK", "Canvas"]


def minus(words: str) -> str:
    """The words with a true minus before numbers, where a hyphen stood; −0.00 is 0.00."""
    words = re.sub(r"(?<![\w.])-(?=\.?\d)", "−", drawable(words))
    return re.sub(r"−(?=0(\.0+)?(?!\.?\d))", "", words)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans comes with matplotlib and has the Greek that Pillow's own font lacks."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), size)


@functools.lru_cache(maxsize=2000)
def lettering(words: str, size: int, bold: bool, anchor: str, stroke: int) -> tuple:
    """Words as a mask and its offset from their anchor; most words come again every redraw."""
    face = font(size, bold)
    left, top, right, bottom = face.getbbox(words, anchor=anchor, stroke_width=stroke)
    left, top = int(np.floor(left)), int(np.floor(top))
    mask = Image.new("L", (int(np.ceil(right)) - left + 1, int(np.ceil(bottom)) - top + 1))
    pen = ImageDraw.Draw(mask)
    pen.text((-left, -top), words, font=face, fill=255, anchor=anchor, stroke_width=stroke)
    return mask, (left, top)


class Canvas:
    """Shapes and text of one picture, width × height pixels, white to begin with."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.large = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
        self.pen = ImageDraw.Draw(self.large)
        self.crisp, self.words, self.marks = [], [], []  # put on after the reduction

    def copy(self) -> Canvas:
        """The same sheet again, so that what never changes is drawn once."""
        twin = copy.copy(self)
        twin.large = self.large.copy()
        twin.pen = ImageDraw.Draw(twin.large)
        twin.crisp, twin.words, twin.marks = [*self.crisp], [*self.words], [*self.marks]
        return twin

    def become(self, other: Canvas) -> None:
        """Show what is on another sheet of this size, in place of what is here."""
        vars(self).update(vars(other.copy()))

    def line(self, xy: object, color: str, width: float = 2.0, dash: float = 0.0) -> None:
        """A line through points (n, 2); `dash` is the length of its dashes, 0 for none."""
        points = np.asarray(xy, dtype=float)
        for piece in _dashes(points, dash) if dash else [points]:
            if len(piece) > 1:
                flat, thick = (piece * SCALE).ravel().tolist(), max(1, round(width * SCALE))
                self.pen.line(flat, fill=color, width=thick, joint="curve")

    def polygon(self, xy: object, color: str) -> None:
        """A filled shape with corners (n, 2)."""
        self.pen.polygon((np.asarray(xy, dtype=float) * SCALE).ravel().tolist(), fill=color)

    def disc(
        self, x: float, y: float, radius: float, color: str, rim: str | None = None
    ) -> None:
        """A filled circle, with a thin rim if one is asked for."""
        box = [SCALE * v for v in (x - radius, y - radius, x + radius, y + radius)]
        self.pen.ellipse(box, fill=color, outline=rim, width=SCALE if rim else 0)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: str | None = None,
        rim: str | None = None,
        width: float = 1.0,
    ) -> None:
        """A rectangle, filled, rimmed or both."""
        edges = [left * SCALE, top * SCALE, right * SCALE - 1, bottom * SCALE - 1]
        if edges[2] >= edges[0] and edges[3] >= edges[1]:
            thick = max(1, round(width * SCALE))
            self.pen.rectangle(edges, fill=fill, outline=rim, width=thick)

    def picture(self, pixels: np.ndarray, left: int, top: int, zoom: int = 1) -> None:
        """uint8 (H, W, 3) put down `zoom` times enlarged, unsmoothed, on top of all shapes."""
        image = Image.fromarray(np.ascontiguousarray(pixels))
        if zoom != 1:
            size = image.width * zoom, image.height * zoom
            image = image.resize(size, Image.Resampling.NEAREST)
        self.crisp.append(((left, top), image))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 14,
        color: str = INK,
        anchor: str = "la",
        bold: bool = False,
        halo: bool = False,
    ) -> None:
        """Words at a point; the anchor is Pillow's (l, m, r and a, m, s); a halo is white."""
        self.words.append((x, y, minus(words), size, color, anchor, bold, halo))

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str, float]]) -> None:
        """Short lines with their names, one below the other: (name, colour, dash)."""
        for index, (name, color, dash) in enumerate(entries):
            level = y + 21 * index
            self.line([(x, level), (x + 26, level)], color, 2.5, dash)
            self.text(x + 33, level, name, size=13, anchor="lm")

    def mark(self, points: object, color: str, width: int = 2, rim: bool = False) -> None:
        """A line over all pictures; with a `rim` of paper it is seen on any of them."""
        flat = [tuple(map(float, point)) for point in points]
        self.marks += [(flat, PAPER, width + 2)] * rim + [(flat, color, width)]

    def frame(
        self, box: Sequence[float], color: str, width: int = 2, rim: bool = False
    ) -> None:
        """A mark around a rectangle (left, top, right, bottom)."""
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        self.mark(corners, color, width, rim)

    def finish(self) -> Image.Image:
        """The picture at its final size."""
        image = self.large.reduce(SCALE)
        for place, picture in self.crisp:
            image.paste(picture, place)
        pen = ImageDraw.Draw(image)
        for points, color, width in self.marks:
            pen.line(points, fill=color, width=width)
        for x, y, words, size, color, anchor, bold, halo in self.words:
            for stroke, ink in ((3, PAPER), (0, color)) if halo else ((0, color),):
                mask, (left, top) = lettering(words, size, bold, anchor, stroke)
                image.paste(ink, (round(x) + left, round(y) + top), mask)
        return image

    def png(self) -> bytes:
        """The picture packed lightly: it travels once, to the browser beside the kernel."""
        out = io.BytesIO()
        # Type 3 packs runs alone, which is fastest.
        self.finish().save(out, format="PNG", compress_level=1, compress_type=3)
        return out.getvalue()


def _dashes(points: np.ndarray, length: float) -> list[np.ndarray]:
    """A line cut into dashes of `length` with gaps of two thirds of it."""
    if len(points) < 2:
        return []
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    begins = np.arange(0.0, along[-1], length * 5 / 3)
    cuts = np.stack([begins, np.minimum(begins + length, along[-1])], axis=1)
    ends = np.stack([np.interp(cuts, along, axis) for axis in points.T], axis=-1)
    inner = np.searchsorted(along, cuts, side="right")
    return [
        np.concatenate([end[:1], points[first:last], end[1:]])
        for end, (first, last) in zip(ends, inner, strict=True)
    ]
