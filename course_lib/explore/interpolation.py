"""Two ways between two latent points, and why the straight one leaves the prior (lesson 02).

In d dimensions nearly all of N(0, I) lies at a distance close to √d from the origin. The middle
of a straight line between two draws is at about √(d/2): hardly a draw comes from there, so G
was not trained on it. The spherical path (Shoemake 1985, White 2016) keeps its distance.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import BLUE, GRID, INK, MUTED, ORANGE, Canvas
from course_lib.explore.kit.controls import Slider
from course_lib.explore.kit.explorer import Explorer
from course_lib.explore.kit.latent_space import latents

SIZE = (820, 500)
STRIP = 11


def linear(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points (n, d) of the straight line from a (t = 0) to b (t = 1), t (n,)."""
    return (1 - t)[:, None] * a + t[:, None] * b


def spherical(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points (n, d) of Shoemake's arc from a to b, t (n,).

    The line if a and b are parallel, or one of them is 0.
    """
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = a @ b / norms if norms else 1.0
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return linear(a, b, t)
    weights = np.sin((1 - t) * angle), np.sin(t * angle)
    return (weights[0][:, None] * a + weights[1][:, None] * b) / np.sin(angle)


def draw_of(seed: int, latent: int) -> np.ndarray:
    """The draw from N(0, I) that belongs to a seed, (latent,)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(latent, generator=generator).double().numpy()


def usual_norms(latent: int) -> tuple[float, float]:
    """The norms between which 95% of N(0, I) lies, from 20,000 draws with a fixed seed."""
    squares = np.random.default_rng(0).chisquare(latent, 20_000)
    low, high = np.quantile(np.sqrt(squares), [0.025, 0.975])
    return float(low), float(high)


def arrange(
    strips: dict[str, np.ndarray],
    now: dict[str, np.ndarray],
    norms: dict[str, np.ndarray],
    usual: tuple[float, float],
    t: float,
) -> Image.Image:
    """Both images at t, the norms along both paths, and the strips of the whole paths."""
    canvas = Canvas(*SIZE)
    colors = {"linear": ORANGE, "spherical": BLUE}
    for index, (name, picture) in enumerate(now.items()):
        left, side = 6 + 218 * index, 196
        canvas.text(left, 12, f"{name}, t = {t:.2f}", size=14, bold=True, color=colors[name])
        zoom = max(1, side // max(picture.shape[:2]))
        canvas.picture(picture, left, 38, zoom)
    _norm_panel(canvas, norms, usual, t, colors)
    for index, (name, pictures) in enumerate(strips.items()):
        top = 290 + 104 * index
        _strip(canvas, name, pictures, top, t, colors[name])
    return canvas.finish()


def _norm_panel(canvas, norms, usual, t, colors) -> None:
    steps = np.linspace(0, 1, len(norms["linear"]))
    high = max(usual[1], *(values.max() for values in norms.values())) * 1.12
    plane = Plane(canvas, (484, 38, 812, 210), (-0.02, 1.02), (0, high))
    plane.fill([(-1, usual[0]), (2, usual[0]), (2, usual[1]), (-1, usual[1])], "#E4E4E4")
    for name, values in norms.items():
        plane.line(
            np.stack([steps, values], axis=1), colors[name], 2.4, 0 if name == "linear" else 9
        )
    plane.line([(t, 0), (t, high)], INK, 1.2)
    for name, values in norms.items():
        plane.discs([(t, np.interp(t, steps, values))], 5, colors[name], rim="#FFFFFF")
    step = next(s for s in (0.5, 1, 2, 4, 5, 10, 20, 50, 100) if high / s <= 6)
    ticks = [(v, f"{v:g}") for v in np.arange(0, high, step)]
    plane.ticks([(0, "0"), (0.5, "0.5"), (1, "1")], ticks, "t")
    plane.close()
    canvas.text(484, 12, "norm of z", size=14, bold=True)
    canvas.text(812, 14, "grey: 95% of the prior", size=13, color=MUTED, anchor="ra")


def _strip(canvas, name, pictures, top, t, color) -> None:
    height, width = pictures.shape[1:3]
    zoom = max(1, 60 // width)
    pitch = (818 - 94) / STRIP
    canvas.text(6, top + height * zoom / 2, name, size=14, bold=True, color=color, anchor="lm")
    for index, picture in enumerate(pictures):
        canvas.picture(picture, round(94 + pitch * index), top, zoom)
    begin, end = 94 + width * zoom / 2, 94 + pitch * (STRIP - 1) + width * zoom / 2
    place, below = begin + t * (end - begin), top + height * zoom
    canvas.line([(begin, below + 12), (end, below + 12)], GRID, 2)
    canvas.polygon([(place, below + 4), (place - 7, below + 17), (place + 7, below + 17)], INK)
    for where, words in ((begin, "t = 0"), (end, "1")):
        canvas.text(where, below + 20, words, size=12, color=MUTED, anchor="ma")


def interpolation(gan) -> Explorer:
    """Linear and spherical paths between two latent draws of a model, side by side.

    Controls: t (0 to 1), seed_a and seed_b (0 to 99), the draws at both ends.
    Raises `CourseError` for a model that does not generate images from a latent z.
    """
    space = latents(gan, "interpolation")
    latent, pictures_of = space.size, space.pictures
    usual = usual_norms(latent)
    ts, fine = np.linspace(0, 1, STRIP), np.linspace(0, 1, 101)
    ways = {"linear": linear, "spherical": spherical}

    def draw(t: float, seed_a: int, seed_b: int) -> tuple[Image.Image, str]:
        a, b = draw_of(seed_a, latent), draw_of(seed_b, latent)
        at = np.append(ts, t)
        z = np.concatenate([way(a, b, at) for way in ways.values()])
        pictures = pictures_of(z)
        pictures = pictures.reshape(2, STRIP + 1, *pictures.shape[1:])
        norms = {name: np.linalg.norm(way(a, b, fine), axis=1) for name, way in ways.items()}
        strips = dict(zip(ways, pictures[:, :-1], strict=True))
        now = dict(zip(ways, pictures[:, -1], strict=True))
        here = {name: np.linalg.norm(way(a, b, np.array([t]))) for name, way in ways.items()}
        text = (
            f"t = {t:.2f}. Norm of z: linear {here['linear']:.2f}, spherical "
            f"{here['spherical']:.2f}; 95% of the prior lies between {usual[0]:.2f} and "
            f"{usual[1]:.2f}."
        )
        return arrange(strips, now, norms, usual, t), text

    controls = [
        Slider("t", "t, from a to b", 0.0, 1.0, 0.02, 0.5),
        Slider("seed_a", "seed of a", 0, 99, 1, 1),
        Slider("seed_b", "seed of b", 0, 99, 1, 2),
    ]
    about = "A linear and a spherical path between two latent points: images and norms of z."
    return Explorer(controls, draw, name="interpolation", about=about, size=SIZE)
