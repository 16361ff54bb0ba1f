"""An explorer on which one draws: the drawing is a value like any other, so a state is whole.

The shell has no native control for a drawing. A slider counts its points, the *ink*: each new
point moves it; moved back by hand it takes the last ones away, at 0 all. That needs no mouse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from course_lib.errors import CourseError
from course_lib.explore.kit import strokes
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.mouse import Point

MOST = 300  # points of a drawing: some ten seconds of drawing


@dataclass(frozen=True)
class Drawing:
    """Strokes on a square of `side` units, as the text that `strokes.written` makes."""

    name: ClassVar[str] = "drawing"
    label: ClassVar[str] = "your drawing"
    side: int = strokes.SIDE
    start: str = ""

    def check(self, value: object) -> str:
        """The value if it is such a text of at most 300 points, or a `CourseError`."""
        points = strokes.count(strokes.read(value, self.side))
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
    kept = strokes.first(strokes.read(drawing, side), ink)
    begin, end = (tuple(min(max(v, 0.0), side) for v in place) for place in (begin, end))
    longer = strokes.lengthened(kept, begin, end)
    if strokes.count(longer) > MOST:
        longer = kept
    return {"drawing": strokes.written(longer), "ink": strokes.count(longer)}
