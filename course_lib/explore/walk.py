"""A walk through a latent space from one chosen picture to another (lesson 04).

If the pictures on the way are all plausible and change little by little, the model has learned
more than its examples (Radford et al. 2016, section 6.1). The two ways are `interpolation`'s.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from course_lib.explore.interpolation import STRIP, linear, spherical, usual_norms
from course_lib.explore.kit import Choice, Curve, Explorer, Face, Page, Slider, Strip, Tiles
from course_lib.explore.kit.canvas import BLUE, INK, MUTED, ORANGE
from course_lib.explore.kit.latent_space import chosen, latents

WAYS = {"spherical": spherical, "straight": linear}


def walk(model, z=None, *, seed: int = 0, temperature: float = 1.0) -> Explorer:
    """A walk between two samples, a and b, chosen from a sheet of 24.

    model: an unconditional GAN, VAE or flow of images, or one of your own with `decode`. z:
    latent points (n, d) to choose from, such as the encodings of real faces, the first 24 of
    them; None: draws from N(0, temperature²), those that `sample` makes from this seed.
    Controls: a, b (numbers in the sheet, row by row), path ("spherical", "straight"), t (0 to
    1). Drag from one picture to another to set both ends; a click sets b. Press on the strip or
    on the curve to move t. Where a picture takes long, the strip's nearest comes first.
    Raises `CourseError` for other models and for latent points that don't fit.
    """
    space = latents(model, "walk")
    points = chosen(space, z, seed, temperature, "walk")
    scale = temperature if z is None else 1.0
    usual = tuple(scale * norm for norm in usual_norms(space.size))
    ts, fine = np.linspace(0, 1, STRIP), np.linspace(0, 1, 101)
    sheet, now = Tiles(6, len(points), "drag from one to another"), Face(256)
    norm, strip = Curve(72, 256, (-0.04, 1.04), (0, 1), "norm"), Strip(808, 64)
    page = Page([sheet, now, norm], [strip])
    sheet.paint(page.paper, space.pictures(points))
    sheet.numbered(page.paper)

    @lru_cache(32)
    def on_the_way(a: int, b: int, path: str) -> np.ndarray:
        return space.pictures(WAYS[path](points[a], points[b], ts))

    def view(a, b, path, t, picture, words, canvas):
        for slot, (index, color, word) in enumerate(((a, ORANGE, "a"), (b, BLUE, "b"))):
            sheet.rim(canvas, index, color, word, slot if a == b else 0)
        now.paint(canvas, picture, words)
        lines = []
        for name, way in WAYS.items():
            norms, style = np.linalg.norm(way(points[a], points[b], fine), axis=1), (MUTED, 1.2)
            if name == path:
                dot, style = (t, np.interp(t, fine, norms), ORANGE), (INK, 2.2)
            lines.append((fine, norms, *style, 0.0))
        high = max(usual[1], *(line[1].max() for line in lines)) * 1.12 or 1.0
        limits = {"ylim": (0, high), "xticks": [(0, "0"), (1, "1")]}
        norm.paint(canvas, lines, None, usual, [dot], **limits)
        strip.paint(canvas, on_the_way(a, b, path), t, ("a", "b"), (ORANGE, BLUE))
        here = np.linalg.norm(WAYS[path](points[a], points[b], np.array([t])))
        return (
            f"From {a} to {b}, {path}, t = {t:.2f}. Norm of z {here:.2f}; 95% "
            f"of the prior lies between {usual[0]:.2f} and {usual[1]:.2f}."
        )

    def draw(a, b, path, t):
        here = WAYS[path](points[a], points[b], np.array([t]))
        words = f"{path}, t = {t:.2f}"
        if space.heavy:
            near = round(t * (STRIP - 1))
            light = f"moving: t = {ts[near]:.1f}, the strip's nearest"
            yield partial(view, a, b, path, t, on_the_way(a, b, path)[near], light)
        yield partial(view, a, b, path, t, space.pictures(here)[0], words)

    def ends(first: int, last: int | None, _now: dict) -> dict[str, int]:
        if last is None:
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
    mouse = {sheet: ends, strip: "t", norm: "t"}
    letters = {
        "z": "a latent point, which the model decodes",
        "a": "the picture where the walk begins",
        "b": "where it ends",
        "t": "share of the walk that is gone",
    }
    return Explorer("walk", about, controls, page, draw, mouse=mouse, play="t", letters=letters)
