"""Strokes drawn freehand, and the image that they make: centred and as thick as MNIST's.

An encoder has seen nothing but digits that were prepared in one way: fitted into a box of 20×20
pixels, put into 28×28 with their centre of mass in the middle (LeCun et al. 1998). A drawing that
is small, thin or in a corner is no image of that kind, and its code says so rather than its style.

In an explorer a drawing is a value like any other, so that a state is whole. The shell has no
native control for it: a slider counts its points, the *ink*; moved back by hand it takes the last
ones away, at 0 all. That needs no mouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from course_lib.errors import CourseError
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.mouse import Point

# A stroke is a list of points (x, y) in pixels of the image, from its top left corner.
Strokes = list[list[Point]]
SIDE, BOX, PEN = 28, 20.0, 2.6  # of MNIST: of an image, of the digit in it, of its line
MOST = 300  # points of a drawing: some ten seconds of drawing


def written(strokes: Strokes) -> str:
    """The strokes as text: "4.5,6.0 5.1,7.2; 9.0,3.3", a semicolon between two strokes."""
    return "; ".join(" ".join(f"{x:.1f},{y:.1f}" for x, y in stroke) for stroke in strokes)


def read(text: str, side: int) -> Strokes:
    """The strokes of a text such as `written` makes, or a `CourseError`."""
    try:
        found = [
            [(float(x), float(y)) for x, y in (pair.split(",") for pair in stroke.split())]
            for stroke in text.split(";")
        ]
    except (ValueError, AttributeError):
        found = [[(np.nan, np.nan)]]
    found = [stroke for stroke in found if stroke]
    places = np.array([point for stroke in found for point in stroke]).reshape(-1, 2)
    if not ((places >= 0) & (places <= side)).all():
        raise CourseError(
            f'A drawing is text such as "4.5,6.0 5.1,7.2; 9.0,3.3": points x,y from 0 to {side} '
            f"and a semicolon between two strokes; got {text!r:.60}."
        )
    return found


def count(strokes: Strokes) -> int:
    """How many points there are."""
    return sum(map(len, strokes))


def first(strokes: Strokes, n: int) -> Strokes:
    """The first n points, as they were drawn."""
    found = []
    for stroke in strokes:
        if n > 0:
            found.append(stroke[:n])
        n -= len(stroke)
    return found


def lengthened(strokes: Strokes, begin: Point, end: Point) -> Strokes:
    """The strokes after the pen, put down at `begin`, came to `end`.

    The last stroke goes on if it began there; otherwise a new one begins. A pen that did not
    move adds nothing.
    """
    begin, end = (tuple(round(float(v), 1) for v in place) for place in (begin, end))
    if not strokes or strokes[-1][0] != begin:
        return [*strokes, [begin] if begin == end else [begin, end]]
    if strokes[-1][-1] == end:
        return strokes
    return [*strokes[:-1], [*strokes[-1], end]]


def centred(strokes: Strokes, side: int = SIDE) -> np.ndarray:
    """The strokes as a data set of digits would have them: (side, side) in [0, 1], 1 is ink.

    As MNIST was made: the drawing is scaled, both ways alike, until its longer side fills a box
    of 20 of 28 pixels, line included, and moved until its centre of mass lies at 14.5, 14.5:
    MNIST's lies in the pixel that begins at the middle. What is scaled is the path and not the
    pixels, so that the line is 2.6 pixels thick at whatever size one draws: the median of the
    test digits, by twice the ink over the total variation. A dot stays a dot.
    """
    unit = side / SIDE
    places = np.array([point for stroke in strokes for point in stroke])
    if not len(places):
        return np.zeros((side, side))
    low, high = places.min(0), places.max(0)
    scale = (BOX - PEN) * unit / max(1.0, (high - low).max())
    middle = (low + high) / 2
    paths = [(np.array(stroke) - middle) * scale + side / 2 for stroke in strokes]
    ink = rendered(paths, side, PEN * unit)
    pixel = np.arange(side)
    mass = np.array([ink.sum(0) @ pixel, ink.sum(1) @ pixel]) / ink.sum()
    return rendered([path + side / 2 - mass for path in paths], side, PEN * unit)


def rendered(paths: list[np.ndarray], side: int, pen: float) -> np.ndarray:
    """A round pen drawn along paths (n, 2): full within `pen` / 2 of the line, less half a
    pixel, and nothing beyond half a pixel more. (side, side) in [0, 1]."""
    begins = np.concatenate([path[:-1] if len(path) > 1 else path for path in paths])
    ends = np.concatenate([path[1:] if len(path) > 1 else path for path in paths])
    grid = np.arange(side) + 0.5
    x, y = grid[None, :, None], grid[:, None, None]
    (ax, ay), (dx, dy) = begins.T, (ends - begins).T
    along = ((x - ax) * dx + (y - ay) * dy) / np.maximum(dx**2 + dy**2, 1e-12)
    along = along.clip(0, 1)
    far = np.sqrt(((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2).min(2))
    return (pen / 2 + 0.5 - far).clip(0, 1)


@dataclass(frozen=True)
class Drawing:
    """Strokes on a square of `side` units, as the text that `written` makes."""

    name: ClassVar[str] = "drawing"
    label: ClassVar[str] = "your drawing"
    side: int = SIDE
    start: str = ""

    def check(self, value: object) -> str:
        """The value if it is such a text of at most 300 points, or a `CourseError`."""
        points = count(read(value, self.side))
        if points > MOST:
            raise CourseError(f"A drawing has at most {MOST} points; got {points}.")
        return value

    nearest = check


def ink() -> Slider:
    """How many points of the drawing are there; goes with every `Drawing`."""
    return Slider("ink", "ink (0: clear)", 0, MOST, 1, 0)


def penned(drawing: str, ink: int, side: int, begin: Point, end: Point) -> dict[str, object]:
    """`drawing` and `ink` after the pen went from one place of the paper to another; what had
    been taken away by the slider is gone. A full sheet takes no more."""
    kept = first(read(drawing, side), ink)
    begin, end = (tuple(min(max(v, 0.0), side) for v in place) for place in (begin, end))
    longer = lengthened(kept, begin, end)
    if count(longer) > MOST:
        longer = kept
    return {"drawing": written(longer), "ink": count(longer)}
