"""A morph between two digits, over style and class at once (lesson 09).

Report A shows one such grid. Here both ways are taken apart: upwards the style goes along the
arc from one code to another, to the right the label goes along the straight line from one
one-hot vector to another. No training image has half a label: what G draws there nobody told it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from course_lib.explore.interpolation import draw_of, linear, spherical
from course_lib.explore.kit.axes import Plane, fractions, inside
from course_lib.explore.kit.canvas import BLUE, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.conditioned import class_judge, conditioned
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.tiles import put

SIZE = (820, 486)
CELLS, CELL = 7, 58
SQUARE = (40, 40, 40 + CELLS * CELL, 40 + CELLS * CELL)
BIG, CURVE = (500, 40, 224), (530, 320, 800, 440)
KEPT = 16


def arrange(
    grid: np.ndarray,
    now: np.ndarray,
    curves: np.ndarray | None,
    at: tuple[float, float],
    ends: tuple[int, int],
    seeds: tuple[int, int],
) -> Image.Image:
    """The grid with its present cell, the picture there, and what the judge reads on its row.

    grid (49, H, W, 3) row by row from the top, now (H, W, 3); curves (n, 2): the judge's
    probabilities of both classes along the label mix; at: style and label mix.
    """
    style, label = at
    left, top, right, bottom = SQUARE
    canvas = Canvas(*SIZE)
    canvas.text(left, 12, "to the right: the label; upwards: the style", size=14, bold=True)
    for index, picture in enumerate(grid):
        row, column = divmod(index, CELLS)
        put(canvas, picture, left + column * CELL, top + row * CELL, CELL)
    for x, label_there, color in ((left, ends[0], ORANGE), (right, ends[1], BLUE)):
        anchor = "la" if x == left else "ra"
        canvas.text(x, bottom + 6, f"class {label_there}", size=14, color=color, anchor=anchor)
    canvas.text((left + right) / 2, bottom + 6, "label mix", size=13, color=MUTED, anchor="ma")
    for seed, y in zip(seeds, (bottom - CELL / 2, top + CELL / 2), strict=True):
        canvas.text(left - 5, y - 8, "seed", size=12, color=MUTED, anchor="rm")
        canvas.text(left - 5, y + 8, f"{seed}", size=13, anchor="rm")
    x0, y0, side = BIG
    canvas.text(x0, 12, f"style {style:.2f}, label {label:.2f}", size=14, bold=True)
    put(canvas, now, x0, y0, side)
    if curves is None:
        canvas.text(CURVE[0], CURVE[1], "no judge reads these classes", size=13, color=MUTED)
    else:
        _curve(canvas, curves, ends, label)
    return canvas.finish(_marks(style, label))


def _curve(canvas: Canvas, curves: np.ndarray, ends: tuple[int, int], label: float) -> None:
    plane = Plane(canvas, CURVE, (0, 1), (-0.04, 1.04))
    plane.grid((), (0, 0.5, 1))
    plane.line([(label, -1), (label, 2)], INK, 1.2)
    mixes = np.linspace(0, 1, len(curves))
    for values, color in zip(curves.T, (ORANGE, BLUE), strict=True):
        plane.line(np.stack([mixes, values], 1), color, 2.4)
    plane.ticks([(0, "0"), (0.5, "0.5"), (1, "1")], [(0, "0"), (1, "1")], "label mix")
    plane.close()
    canvas.text(CURVE[0], CURVE[1] - 26, "judge: P(", size=13)
    canvas.text(CURVE[0] + 60, CURVE[1] - 26, f"{ends[0]}", size=13, bold=True, color=ORANGE)
    canvas.text(CURVE[0] + 70, CURVE[1] - 26, ")  and  P(", size=13)
    canvas.text(CURVE[0] + 132, CURVE[1] - 26, f"{ends[1]}", size=13, bold=True, color=BLUE)
    canvas.text(CURVE[0] + 142, CURVE[1] - 26, ")  in this style", size=13)


def _marks(style: float, label: float) -> list:
    """The rim of the nearest cell, and a ring at the place itself."""
    left, _, _, bottom = SQUARE
    column, row = (round(v * (CELLS - 1)) for v in (label, style))
    a, b = left + column * CELL, bottom - (row + 1) * CELL
    rim = [(a, b), (a + CELL - 1, b), (a + CELL - 1, b + CELL - 1), (a, b + CELL - 1), (a, b)]
    x, y = (
        left + (label * (CELLS - 1) + 0.5) * CELL,
        bottom - (style * (CELLS - 1) + 0.5) * CELL,
    )
    cross = [(x + dx, y + dy) for dx, dy in ((-5, 0), (0, -5), (5, 0), (0, 5), (-5, 0))]
    return [(rim, "#FFFFFF", 5), (rim, ORANGE, 3), (cross, "#FFFFFF", 5), (cross, ORANGE, 3)]


def morph(model, *, judge=None) -> Explorer:
    """From one digit to another: the style under one direction of the mouse, the label under
    the other.

    model: any hybrid that is told classes. judge: a classifier, images (n, C, H, W) in [0, 1] →
    logits (n, classes); None: the shipped judge of digits where images are 1×28×28 in ten
    classes, else none. It reads the label's way at the present style, so that you see where one
    class becomes the other.
    Controls: style, label (mixes, 0 to 1), a, b (classes), seed_a, seed_b (0 to 99, of the codes
    at both ends). Press or drag in the grid.
    Raises `CourseError` for models that are told no classes.
    """
    space = conditioned(model, "morph", "classes")
    read = class_judge(space, judge, "morph")
    one_hot, mixes, fine = (
        np.eye(space.classes),
        np.linspace(0, 1, CELLS),
        np.linspace(0, 1, 17),
    )

    @lru_cache(KEPT)
    def grid(a: int, b: int, seed_a: int, seed_b: int) -> np.ndarray:
        ends = draw_of(seed_a, space.size), draw_of(seed_b, space.size)
        styles = spherical(*ends, mixes[::-1]).repeat(CELLS, axis=0)
        labels = np.tile(linear(one_hot[a], one_hot[b], mixes), (CELLS, 1))
        return space.pictures(styles, labels)

    def draw(
        style: float, label: float, a: int, b: int, seed_a: int, seed_b: int
    ) -> tuple[Image.Image, str]:
        ends = draw_of(seed_a, space.size), draw_of(seed_b, space.size)
        z = spherical(*ends, np.array([style]))
        way = np.append(label, fine if read else [])
        pictures = space.pictures(
            z.repeat(len(way), axis=0), linear(one_hot[a], one_hot[b], way)
        )
        text = (
            f"Style {style:.2f} of the way from seed {seed_a} to seed {seed_b}, label "
            f"{label:.2f} of the way from {a} to {b}."
        )
        curves = None
        if read:
            found = read(pictures)
            curves, here = found[1:, [a, b]], found[0]
            most = int(here.argmax())
            text += (
                f" The judge reads {most} ({here[most]:.0%}): P({a}) = {here[a]:.2f}, "
                f"P({b}) = {here[b]:.2f}."
            )
        squares = grid(a, b, seed_a, seed_b)
        at, seeds = (style, label), (seed_a, seed_b)
        return arrange(squares, pictures[0], curves, at, (a, b), seeds), text

    def press(begin: Point, end: Point, _now: dict) -> dict[str, float]:
        if not inside(begin, SQUARE):
            return {}
        label, style = ((s * CELLS - 0.5) / (CELLS - 1) for s in fractions(end, SQUARE))
        return {"label": label, "style": style}

    last = space.classes - 1
    controls = [
        Slider("label", "label mix, from a to b", 0.0, 1.0, 0.02, 0.5),
        Slider("style", "style mix", 0.0, 1.0, 0.02, 0.5),
        Slider("a", "class a", 0, last, 1, min(3, last - 1)),
        Slider("b", "class b", 0, last, 1, min(8, last)),
        Slider("seed_a", "seed of the first style", 0, 99, 1, 1),
        Slider("seed_b", "seed of the second style", 0, 99, 1, 2),
    ]
    about = "A morph between two classes: the label mixed in one direction, style in the other."
    return Explorer(controls, draw, name="morph", about=about, size=SIZE, press=press)
