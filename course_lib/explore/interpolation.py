"""Two ways between two latent points, and why the straight one leaves the prior (lesson 02).

In d dimensions nearly all of N(0, I) lies at a distance close to √d from the origin. The middle
of a straight line between two draws is at about √(d/2): hardly a draw comes from there, so G
was not trained on it. The spherical path (Shoemake 1985, White 2016) keeps its distance.
"""

from __future__ import annotations

import numpy as np

from course_lib.explore.kit import Curve, Explorer, Face, Page, Slider, Strip
from course_lib.explore.kit.canvas import BLUE, ORANGE
from course_lib.explore.kit.latent_space import draws, latents

STRIP = 11


def linear(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points (n, d) of the straight line from a (t = 0) to b (t = 1), t (n,)."""
    return (1 - t)[:, None] * a + t[:, None] * b


def spherical(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points (n, d) of Shoemake's arc from a to b, t (n,); the line if a and b are parallel, or
    one of them is 0."""
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = a @ b / norms if norms else 1.0
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return linear(a, b, t)
    weights = np.sin((1 - t) * angle), np.sin(t * angle)
    return (weights[0][:, None] * a + weights[1][:, None] * b) / np.sin(angle)


def draw_of(seed: int, latent: int) -> np.ndarray:
    """The draw from N(0, I) that belongs to a seed, (latent,)."""
    return draws(1, latent, seed)[0]


def usual_norms(latent: int) -> tuple[float, float]:
    """The norms between which 95% of N(0, I) lies, from 20,000 draws with a fixed seed."""
    squares = np.random.default_rng(0).chisquare(latent, 20_000)
    low, high = np.quantile(np.sqrt(squares), [0.025, 0.975])
    return float(low), float(high)


def interpolation(gan) -> Explorer:
    """Linear and spherical paths between two latent draws, side by side.

    gan: a model of images with a latent space. Controls: t (0 to 1), seed_a and seed_b (0 to
    99), the draws at both ends. Press or drag on a strip or on the curve to move t.
    Raises `CourseError` for a model that does not draw images from a latent z.
    """
    space = latents(gan, "interpolation")
    usual = usual_norms(space.size)
    ts, fine = np.linspace(0, 1, STRIP), np.linspace(0, 1, 101)
    ways = {"linear": (linear, ORANGE, 0.0), "spherical": (spherical, BLUE, 9.0)}
    small = max(56, min(64, space.shape[2]))
    large = {name: Face(196) for name in ways}
    strips = {name: Strip(800, small) for name in ways}
    norm = Curve(326, 174, (0, 1), (0, 1), "norm of z | grey: 95% of the prior", xname="t")
    page = Page([*large.values(), norm], *[[strip] for strip in strips.values()])

    def draw(canvas, t, seed_a, seed_b):
        ends = [draw_of(seed, space.size) for seed in (seed_a, seed_b)]
        way_at = lambda at: [way(*ends, at) for way, *_ in ways.values()]
        pictures = space.pictures(np.concatenate(way_at(np.append(ts, t))))
        here = [np.linalg.norm(z) for z in way_at(np.array([t]))]
        norms = [np.linalg.norm(z, axis=1) for z in way_at(fine)]
        lines, dots = [], []
        for index, (name, (_, color, dash)) in enumerate(ways.items()):
            own = pictures[index * (STRIP + 1) :][: STRIP + 1]
            large[name].paint(canvas, own[-1], f"{name}, t = {t:.2f}", color)
            words = f"{name}, t = 0", "1"
            strips[name].paint(canvas, own[:-1], t, words, (color, color))
            lines.append((fine, norms[index], color, 2.4, dash))
            dots.append((t, here[index], color))
        high = max(usual[1], np.max(norms)) * 1.12
        norm.paint(canvas, lines, t, usual, dots, ylim=(0, high))
        return (
            f"t = {t:.2f}. Norm of z: linear {here[0]:.2f}, spherical {here[1]:.2f}; 95% of the "
            f"prior lies between {usual[0]:.2f} and {usual[1]:.2f}."
        )

    controls = [
        Slider("t", "t, from a to b", 0.0, 1.0, 0.02, 0.5),
        Slider("seed_a", "seed of a", 0, 99, 1, 1),
        Slider("seed_b", "seed of b", 0, 99, 1, 2),
    ]
    about = "A linear and a spherical path between two latent points: images and norms of z."
    mouse = dict.fromkeys([norm, *strips.values()], "t")
    letters = {
        "z": "a latent point, which the model decodes",
        "a": "where the path begins",
        "b": "where it ends",
        "t": "share of the path that is gone",
    }
    return Explorer(
        "interpolation", about, controls, page, draw, mouse=mouse, play="t", letters=letters
    )
