"""Class × style: one style drawn in every class, while the style moves (lessons 08 and 09).

If z holds the style and the label the class, then a column keeps its class whatever z is, and a
row has one slant and one stroke. What moves down a column and should not, or along a row, is
what the model has not told apart (Bao et al. 2017, figure 6; report A's "specified digits").
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.interpolation import draw_of
from course_lib.explore.kit.axes import Plane, fractions, inside
from course_lib.explore.kit.canvas import GRID, INK, MUTED, ORANGE, PAPER, Canvas
from course_lib.explore.kit.conditioned import MOST, Conditioned, conditioned
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import draws
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.tiles import GAP, TILE, Sheet, put
from course_lib.explore.warp import rings

SIDE, REACH, CELL = 252, 3.0, 36
OTHERS = (98, 99)  # seeds of the styles that stand below
KEPT = 64
MAP, BIG, BARS = (34, 38, 34 + SIDE, 38 + SIDE), (320, 38), (612, 38, 808, 38 + SIDE)
TOP = 366  # of the sheet
SIZE = (820, TOP + (1 + len(OTHERS)) * (TILE + GAP) + 6)


def strongest(space: Conditioned) -> tuple[int, int]:
    """The two numbers of z that change the pictures most, from −1 to 1 around one draw."""
    z = np.repeat(draws(1, space.size, 0), 2 * space.size, axis=0)
    each = np.arange(space.size)
    z[2 * each, each], z[2 * each + 1, each] = -1.0, 1.0
    vector = next(iter(space.columns().values()))
    pictures = space.pictures(z, np.tile(vector, (len(z), 1))).astype(float)
    change = np.square(pictures[0::2] - pictures[1::2]).mean((1, 2, 3))
    first, second = np.argsort(-change, kind="stable")[:2].tolist()
    return first, second


def background(titles: list[str], others: list[np.ndarray], dims: tuple[int, int]) -> Canvas:
    """What no control changes: the plane's axes, and the other styles, row by row."""
    canvas, sheet = Canvas(*SIZE), sheet_of(len(titles))
    canvas.text(MAP[0], 12, "plane of styles", size=14, bold=True)
    plane = Plane(canvas, MAP, (-REACH, REACH), (-REACH, REACH))
    rings(plane)
    plane.close()
    ticks = [(v, f"{v}".replace("-", "−")) for v in (-3, -2, -1, 0, 1, 2, 3)]
    plane.ticks(ticks, ticks, f"z[{dims[0]}]; upwards z[{dims[1]}]")
    canvas.text(BARS[0], 12, "the style: z", size=14, bold=True)
    for row, pictures in enumerate([None, *others]):
        words, color = (f"seed {OTHERS[row - 1]}", MUTED) if row else ("this style", ORANGE)
        middle = TOP + row * (TILE + GAP) + TILE / 2
        canvas.text(sheet.left - 8, middle, words, size=13, anchor="rm", color=color)
        for column, picture in enumerate([] if pictures is None else pictures):
            put(canvas, picture, *sheet.corner(row * len(titles) + column), TILE)
    return canvas


def arrange(
    canvas: Canvas,
    titles: list[str],
    pictures: np.ndarray,
    chosen: int,
    tiles: np.ndarray | None,
    z: np.ndarray,
    dims: tuple[int, int],
) -> Image.Image:
    """The background with the style in its plane, z, all classes, and the chosen one large."""
    sheet = sheet_of(len(titles))
    if tiles is not None:
        canvas.box(*MAP, fill=PAPER, rim=MUTED, width=0.8)  # over the rings
        for index, tile in enumerate(tiles):
            row, column = divmod(index, SIDE // CELL)
            put(canvas, tile, MAP[0] + column * CELL, MAP[1] + row * CELL, CELL)
    name = titles[chosen].replace("_", " ")
    canvas.text(BIG[0], 12, f"{name}, in this style", size=14, bold=True)
    put(canvas, pictures[chosen], *BIG, SIDE)
    _bars(canvas, z, dims)
    for column, (title, picture) in enumerate(zip(titles, pictures, strict=True)):
        at, strong = sheet.left + column * (TILE + GAP) + TILE / 2, column == chosen
        size, color = 15 if len(title) < 3 else 11, ORANGE if strong else INK
        words = title.replace("_", " ")
        canvas.text(at, TOP - 6, words, size=size, bold=strong, color=color, anchor="ms")
        put(canvas, picture, *sheet.corner(column), TILE)
    x, y = (
        edge + turn * SIDE * (value / REACH + 1) / 2
        for edge, turn, value in zip((MAP[0], MAP[3]), (1, -1), z[list(dims)], strict=True)
    )
    ring = [(x + dx, y + dy) for dx, dy in ((-9, 0), (0, -9), (9, 0), (0, 9), (-9, 0))]
    return canvas.finish([sheet.rim(chosen, ORANGE), (ring, "#FFFFFF", 5), (ring, ORANGE, 3)])


def _bars(canvas: Canvas, z: np.ndarray, dims: tuple[int, int]) -> None:
    """All numbers of z as bars from −3 to 3, those of the plane coloured and named."""
    left, top, right, bottom = BARS
    middle, wide = (top + bottom) / 2, (right - left) / len(z)
    canvas.line([(left, middle), (right, middle)], GRID, 1.5)
    for index, value in enumerate(z.clip(-REACH, REACH)):
        x, y = left + index * wide, middle - value / REACH * SIDE / 2
        color = ORANGE if index in dims else "#8FB8D8"
        canvas.box(x + 0.15 * wide, min(y, middle), x + 0.85 * wide, max(y, middle), color)
    for index, anchor in zip(sorted(dims), ("ra", "la"), strict=True):
        x = left + (index + 0.5) * wide + (-1 if anchor == "ra" else 1)
        canvas.text(x, bottom + 5, f"{index}", size=12, color=MUTED, anchor=anchor)


def sheet_of(columns: int) -> Sheet:
    """The classes side by side, the styles below each other."""
    return Sheet(100, TOP, columns, columns * (1 + len(OTHERS)))


def class_style(model, *, dims: tuple[int, int] | None = None) -> Explorer:
    """All classes in one style; the style moves in a plane under mouse or sliders.

    model: any hybrid that is told up to ten classes, or attributes (up to eight): then the
    columns are none of them, each alone, and all. dims: the two numbers of z that span the
    plane; None: the two that change the pictures most. The others are the draw of a seed. Below
    the row of this style stand two other styles. Images up to 32×32 also stand in the plane.
    Controls: z1, z2 (−3 to 3), seed (0 to 99), chosen (a column's name). Press in the plane to
    move the style, on a picture below to choose its class, and its style too.
    Raises `CourseError` for models without labels, with more of them, and for wrong dims.
    """
    space = conditioned(model, "class_style")
    columns = space.columns()
    titles, vectors = list(columns), np.stack(list(columns.values()))
    if len(titles) > MOST:
        raise CourseError(f"class_style has room for {MOST} columns; got {len(titles)}.")
    if space.size < 2:
        raise CourseError("class_style wants two numbers in z; this model has one.")
    dims = strongest(space) if dims is None else dims
    pair = tuple(dims) if isinstance(dims, (tuple, list)) else ()
    if len(pair) != 2 or len({*pair} & {*range(space.size)}) != 2:
        raise CourseError(
            f"dims must be two different numbers from 0 to {space.size - 1}; got {dims}."
        )
    others = [
        space.pictures(np.tile(draw_of(seed, space.size), (len(titles), 1)), vectors)
        for seed in OTHERS
    ]
    paper = background(titles, others, dims)
    steps = REACH * (2 * np.arange(CELL / 2, SIDE, CELL) / SIDE - 1)
    corners = np.array([(a, b) for b in steps[::-1] for a in steps])

    @lru_cache(KEPT)
    def map_of(seed: int, index: int) -> np.ndarray | None:
        if space.shape[1] > 32:
            return None
        around = np.tile(draw_of(seed, space.size), (len(corners), 1))
        around[:, list(dims)] = corners
        return space.pictures(around, vectors[[index] * len(corners)])

    def draw(z1: float, z2: float, seed: int, chosen: str) -> tuple[Image.Image, str]:
        z, index = draw_of(seed, space.size), titles.index(chosen)
        z[list(dims)] = z1, z2
        pictures = space.pictures(np.tile(z, (len(titles), 1)), vectors)
        text = (
            f"Style: z[{dims[0]}] = {z1:.1f}, z[{dims[1]}] = {z2:.1f}, the other "
            f"{space.size - 2} numbers from seed {seed}. In a column all are told the same, in "
            f"a row all have one z. Large: {chosen.replace('_', ' ')}."
        )
        sheet = arrange(paper.copy(), titles, pictures, index, map_of(seed, index), z, dims)
        return sheet, text.replace("= -", "= −")

    sheet = sheet_of(len(titles))

    def press(begin: Point, end: Point, _now: dict) -> dict[str, object]:
        if inside(begin, MAP):
            shares = fractions(end, MAP)
            return {f"z{i}": REACH * (2 * s - 1) for i, s in enumerate(shares, 1)}
        tile = sheet.tile(begin)
        if tile is None:
            return {}
        row, column = divmod(tile, len(titles))
        if row == 0:
            return {"chosen": titles[column]}
        seed = OTHERS[row - 1]
        z = draw_of(seed, space.size)
        return {"seed": seed, "z1": z[dims[0]], "z2": z[dims[1]], "chosen": titles[column]}

    start = draw_of(0, space.size)[list(dims)].clip(-REACH, REACH).round(1)
    controls = [
        Slider("z1", f"z[{dims[0]}]", -REACH, REACH, 0.1, float(start[0])),
        Slider("z2", f"z[{dims[1]}]", -REACH, REACH, 0.1, float(start[1])),
        Slider("seed", "seed of the other numbers of z", 0, 99, 1, 0),
        Choice("chosen", "shown large", tuple(titles), titles[min(3, len(titles) - 1)]),
    ]
    about = "All classes in one style, and the style moved in a plane of the latent space."
    return Explorer(controls, draw, name="class_style", about=about, size=SIZE, press=press)
