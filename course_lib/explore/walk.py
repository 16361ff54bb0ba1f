"""A walk through a latent space from one chosen picture to another (lesson 04).

If the pictures on the way are all plausible and change little by little, the model has learned
more than its examples (Radford et al. 2016, section 6.1). The two ways are `paths`'s: the straight
one passes nearer to the origin than the prior's draws lie, the spherical one keeps its distance.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from PIL import Image

from course_lib.explore.interpolation import STRIP, linear, spherical, usual_norms
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import BLUE, GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Choice, Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import chosen, latents
from course_lib.explore.kit.mouse import Point
from course_lib.explore.kit.tiles import TILE, Sheet, numbered, put

SIZE = (820, 446)
WAYS = {"spherical": spherical, "straight": linear}
BIG = (448, 38, 256)
KEPT = 32


def arrange(
    sheet: Sheet,
    pictures: np.ndarray,
    ends: tuple[int, int],
    strip: np.ndarray,
    now: np.ndarray,
    norms: dict[str, np.ndarray],
    usual: tuple[float, float],
    path: str,
    t: float,
) -> Image.Image:
    """The sheet with both ends marked, the picture at t, the norms, and the strip of the way."""
    canvas = Canvas(*SIZE)
    canvas.text(sheet.left, 12, "drag from one to another", size=14, bold=True)
    sheet.draw(canvas, pictures)
    numbered(canvas, sheet)
    marks = []
    for slot, (index, color, word) in enumerate(
        zip(ends, (ORANGE, BLUE), ("a", "b"), strict=True)
    ):
        same = slot if ends[0] == ends[1] else 0
        marks.append(sheet.rim(index, color, 4 * same))
        sheet.name(canvas, index, word, color, same)
    left, top, side = BIG
    canvas.text(left, 12, f"{path}, t = {t:.2f}", size=14, bold=True)
    put(canvas, now, left, top, side)
    _gauge(canvas, norms, usual, path, t)
    _strip(canvas, strip, t)
    return canvas.finish(marks)


def _gauge(canvas, norms, usual, path, t) -> None:
    steps = np.linspace(0, 1, len(norms[path]))
    high = max(usual[1], *(values.max() for values in norms.values())) * 1.12 or 1.0
    plane = Plane(canvas, (742, 38, 812, 294), (-0.04, 1.04), (0, high))
    plane.fill([(-1, usual[0]), (2, usual[0]), (2, usual[1]), (-1, usual[1])], "#E4E4E4")
    for name, values in norms.items():
        color = INK if name == path else MUTED
        plane.line(np.stack([steps, values], 1), color, 2.2 if name == path else 1.2)
    plane.discs([(t, np.interp(t, steps, norms[path]))], 5, ORANGE, rim="#FFFFFF")
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if high / s <= 6)
    plane.ticks([(0, "0"), (1, "1")], [(v, f"{v:g}") for v in np.arange(0, high, step)], "t")
    plane.close()
    canvas.text(812, 12, "norm of z", size=14, bold=True, anchor="ra")


def _strip(canvas, strip, t) -> None:
    pitch, top = (814 - TILE - 6) / (STRIP - 1), 344
    for index, picture in enumerate(strip):
        put(canvas, picture, round(6 + pitch * index), top, TILE)
    begin, end = 6 + TILE / 2, 6 + pitch * (STRIP - 1) + TILE / 2
    place, below = begin + t * (end - begin), top + TILE
    canvas.line([(begin, below + 12), (end, below + 12)], GRID, 2)
    canvas.polygon([(place, below + 4), (place - 7, below + 17), (place + 7, below + 17)], INK)
    for where, words, color in ((begin, "a", ORANGE), (end, "b", BLUE)):
        canvas.text(where, below + 17, words, size=15, color=color, anchor="ma", bold=True)


def walk(model, z=None, *, seed: int = 0, temperature: float = 1.0) -> Explorer:
    """A walk between two samples, a and b, chosen from a sheet of 24.

    model: an unconditional GAN, VAE or flow of images. z: latent points (n, d) to choose from,
    such as the encodings of real faces, the first 24 of them; None: draws from
    N(0, temperature²), those that `sample` makes from this seed.
    Controls: a, b (numbers in the sheet, row by row), path ("spherical", "straight"), t (0 to
    1). Press on one picture and drag to another to set both ends; a mere click sets b.
    Raises `CourseError` for other models and for latent points that don't fit.
    """
    space = latents(model, "walk")
    points = chosen(space, z, seed, temperature, "walk")
    pictures = space.pictures(points)
    sheet = Sheet(26, 38, 6, len(points))
    scale = temperature if z is None else 1.0
    usual = tuple(scale * norm for norm in usual_norms(space.size))
    ts, fine = np.linspace(0, 1, STRIP), np.linspace(0, 1, 101)
    strips: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def strip_of(a: int, b: int, path: str) -> np.ndarray:
        key = a, b, path
        if key not in strips:
            strips[key] = space.pictures(WAYS[path](points[a], points[b], ts))
        strips.move_to_end(key)
        while len(strips) > KEPT:
            strips.popitem(last=False)
        return strips[key]

    def draw(a: int, b: int, path: str, t: float) -> tuple[Image.Image, str]:
        ends = points[a], points[b]
        here = WAYS[path](*ends, np.array([t]))
        now = space.pictures(here)[0]
        norms = {name: np.linalg.norm(way(*ends, fine), axis=1) for name, way in WAYS.items()}
        text = (
            f"From {a} to {b}, {path}, t = {t:.2f}. Norm of z {np.linalg.norm(here):.2f}; 95% "
            f"of the prior lies between {usual[0]:.2f} and {usual[1]:.2f}."
        )
        strip = strip_of(a, b, path)
        return arrange(sheet, pictures, (a, b), strip, now, norms, usual, path, t), text

    def press(begin: Point, end: Point, _now: dict) -> dict[str, int]:
        first, last = sheet.tile(begin), sheet.tile(end)
        if first is None or last is None:
            return {}
        return {"b": last} if first == last else {"a": first, "b": last}

    most = len(points) - 1
    controls = [
        Slider("t", "t, from a to b", 0.0, 1.0, 0.02, 0.5),
        Choice("path", "path", tuple(WAYS), "spherical"),
        Slider("a", "a: picture no.", 0, most, 1, 0),
        Slider("b", "b: picture no.", 0, most, 1, 1),
    ]
    about = "A walk through latent space from one sample to another."
    return Explorer(controls, draw, name="walk", about=about, size=SIZE, press=press)
