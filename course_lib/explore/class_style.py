"""Class × style: one style drawn in every class, while the style moves (lessons 08 and 09).

If z holds the style and the label the class, then a column keeps its class whatever z is, and a
row has one slant and one stroke. What moves and should not is what the model has not told apart
(Bao et al. 2017, figure 6; report A's "specified digits"). Classes and attributes, with and
without room for a map, are four cases of one picture: hence its length.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from course_lib.errors import CourseError
from course_lib.explore.interpolation import draw_of
from course_lib.explore.kit import Bars, Choice, Explorer, Face, Pad, Page, Slider, Tiles
from course_lib.explore.kit.canvas import ORANGE, PALE
from course_lib.explore.kit.conditioned import MOST, Conditioned, conditioned
from course_lib.explore.kit.latent_space import draws, two_of
from course_lib.explore.kit.panels import put

SIDE, REACH, CELL = 252, 3.0, 36
OTHERS = (98, 99)  # seeds of the styles that stand below
KEPT = 64


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


def class_style(model, *, dims: tuple[int, int] | None = None) -> Explorer:
    """All classes in one style; the style moves in a plane under mouse or sliders.

    model: any hybrid that is told up to ten classes, or attributes (up to eight): then the
    columns are none of them, each alone, and all. dims: the two numbers of z that span the
    plane; None: the two that change the pictures most. The others are the draw of a seed. Two
    other styles stand below, images up to 32×32 also in the plane.
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
    dims = strongest(space) if dims is None else two_of(dims, space.size)
    upwards, limits = f"z[{dims[0]}]; upwards z[{dims[1]}]", (-REACH, REACH)
    plane = Pad(SIDE, SIDE, limits, limits, "plane of styles", xname=upwards)
    big, bars = Face(SIDE), Bars(180, SIDE, "the style: z", names=40, ends=4)
    sheet = Tiles(len(titles), len(titles) * (1 + len(OTHERS)), names=84)
    page = Page([plane, big, bars], [sheet])
    tiled, size = space.shape[1] <= 32, 15 if space.classes else 11
    with plane.on(page.paper) as square:
        if not tiled:
            square.rings()
    sheet.names(page.paper, ["this style", *(f"seed {seed}" for seed in OTHERS)])
    for row, seed in enumerate(OTHERS, 1):
        z = np.tile(draw_of(seed, space.size), (len(titles), 1))
        sheet.paint(page.paper, space.pictures(z, vectors), row * len(titles))
    steps = REACH * (2 * np.arange(CELL / 2, SIDE, CELL) / SIDE - 1)
    corners = np.array([(a, b) for b in steps[::-1] for a in steps])

    @lru_cache(KEPT)
    def map_of(seed: int, index: int) -> np.ndarray:
        around = np.tile(draw_of(seed, space.size), (len(corners), 1))
        around[:, list(dims)] = corners
        return space.pictures(around, vectors[[index] * len(corners)])

    def draw(canvas, z1, z2, seed, chosen):
        z, index = draw_of(seed, space.size), titles.index(chosen)
        z[list(dims)] = z1, z2
        pictures = space.pictures(np.tile(z, (len(titles), 1)), vectors)
        if tiled:
            for place, tile in enumerate(map_of(seed, index)):
                row, column = divmod(place, SIDE // CELL)
                put(canvas, tile, plane.left + column * CELL, plane.top + row * CELL, CELL)
        shares = ((v / REACH + 1) / 2 for v in (z1, z2))
        plane.cross(canvas, *shares, half=CELL / 2, arms=not tiled)
        big.paint(canvas, pictures[index], f"{chosen.replace('_', ' ')}, in this style")
        rows = [
            (f"z[{i}]" if i in dims else "", v, ORANGE if i in dims else PALE, "")
            for i, v in enumerate(z)
        ]
        bars.paint(canvas, rows, (-REACH, REACH))
        sheet.paint(canvas, pictures)
        sheet.rim(canvas, index, ORANGE)
        sheet.titles(canvas, [title.replace("_", " ") for title in titles], index, 6, size)
        return (
            f"Style: z[{dims[0]}] = {z1:.1f}, z[{dims[1]}] = {z2:.1f}, the other "
            f"{space.size - 2} numbers from seed {seed}. In a column all are told the same, in "
            f"a row all have one z. Large: {chosen.replace('_', ' ')}."
        )

    def take(tile: int, _last: object, _now: dict) -> dict[str, object]:
        row, column = divmod(tile, len(titles))
        found = {"chosen": titles[column]}
        if row:
            z1, z2 = draw_of(OTHERS[row - 1], space.size)[list(dims)]
            found |= {"seed": OTHERS[row - 1], "z1": z1, "z2": z2}
        return found

    start = draw_of(0, space.size).clip(-REACH, REACH).round(1)
    controls = [
        *(
            Slider(f"z{i}", f"z[{d}]", *limits, 0.1, float(start[d]))
            for i, d in enumerate(dims, 1)
        ),
        Slider("seed", "seed of the rest", 0, 99, 1, 0),
        Choice("chosen", "shown large", tuple(titles), titles[min(3, len(titles) - 1)]),
    ]
    about = "All classes in one style, and the style moved in a plane of the latent space."
    mouse = {plane: ("z1", "z2"), sheet: take}
    letters = {"z": "the latent, which holds the style"}
    return Explorer(
        "class_style", about, controls, page, draw, mouse=mouse, play="z1", letters=letters
    )
