"""A sheet of small pictures to choose from, by number or with the mouse; fitting pictures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from course_lib.explore.kit.canvas import MUTED, Canvas
from course_lib.explore.kit.mouse import Point

TILE, GAP = 64, 4


def fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 3) enlarged a whole number of times to at most `side`, or made smaller."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        zoom = side // longest
        return pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    size = tuple(max(1, round(v * side / longest)) for v in pixels.shape[1::-1])
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def put(canvas: Canvas, pixels: np.ndarray, left: int, top: int, side: int) -> None:
    """A picture in the middle of a square of `side`."""
    picture = fitted(pixels, side)
    high, wide = picture.shape[:2]
    canvas.picture(picture, left + (side - wide) // 2, top + (side - high) // 2)


class Sheet(NamedTuple):
    """Tiles of one size, row by row, numbered from 0."""

    left: int
    top: int
    columns: int
    n: int

    def corner(self, index: int) -> tuple[int, int]:
        """The top left corner of a tile."""
        row, column = divmod(index, self.columns)
        return self.left + column * (TILE + GAP), self.top + row * (TILE + GAP)

    def tile(self, at: Point) -> int | None:
        """The number of the tile under a pixel."""
        column, row = ((v - o) // (TILE + GAP) for v, o in zip(at, self[:2], strict=True))
        index = int(row * self.columns + column)
        return index if 0 <= column < self.columns and 0 <= index < self.n else None

    def draw(self, canvas: Canvas, pictures: np.ndarray) -> None:
        """All pictures (n, H, W, 3), each in its tile."""
        for index, picture in enumerate(pictures):
            put(canvas, picture, *self.corner(index), TILE)

    def rim(self, index: int, color: str, inset: int = 0) -> tuple[list[Point], str, float]:
        """A mark for `Canvas.finish`: the border of a tile, `inset` pixels inside."""
        x, y = (v - 1 + inset for v in self.corner(index))
        far = TILE + 1 - 2 * inset
        corners = [(x, y), (x + far, y), (x + far, y + far), (x, y + far), (x, y)]
        return corners, color, 3

    def name(self, canvas: Canvas, index: int, words: str, color: str, slot: int = 0) -> None:
        """A letter in the upper left of a tile; further ones to its right, by `slot`."""
        x, y = self.corner(index)
        canvas.text(x + 5 + 17 * slot, y + 3, words, size=17, color=color, bold=True, halo=True)


def numbered(canvas: Canvas, sheet: Sheet) -> None:
    """The number of the first tile of every row, at its left."""
    for first in range(0, sheet.n, sheet.columns):
        x, y = sheet.corner(first)
        canvas.text(x - 5, y + TILE / 2, f"{first}", size=12, color=MUTED, anchor="rm")
