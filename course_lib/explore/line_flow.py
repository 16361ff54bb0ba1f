"""A flow on a line: a rising map bent by hand, and the density under it (lesson 10).

z = f(x) is standard normal, so that p(x) = N(f(x))·f′(x). The z-axis is cut into eight strips of
equal probability. f⁻¹ takes each to a strip of the x-axis, which is narrow where f is steep; its
area under p(x) stays an eighth, whatever the map. Telling which knots had to be moved, so that it
rises, makes it longer than others.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist

import numpy as np

from course_lib.explore.kit import Explorer, Pad, Page, Slider
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import INK, ORANGE, PAPER

REACH, PIECES = 3.0, 8  # of the picture; strips
APART = 0.1  # the least that the curve rises between two knots
KNOTS, START = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), (-1.8, -0.4, 0.0, 0.4, 1.8)
FINE = np.linspace(-8, 8, 3201)
EDGES = np.array([-5, *(NormalDist().inv_cdf(k / PIECES) for k in range(1, PIECES)), 5])


def normal(z: np.ndarray) -> np.ndarray:
    """The density N(z; 0, 1)."""
    return np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)


def rising(heights: tuple[float, ...]) -> np.ndarray:
    """The heights, lifted where they don't rise, and as low as leaves the others in the picture."""
    steps = APART * np.arange(len(KNOTS))
    lifted = np.maximum.accumulate(np.array(heights) - steps) + steps
    return np.minimum(lifted, REACH - steps[::-1])


def bent(heights: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """f and its slope on the grid `FINE`.

    Straight from knot to knot through `rising` heights; then averaged along x with the
    weights of a narrow Gaussian, so that it has no corners and still rises."""
    heights = rising(heights)
    ends = min(heights[0], KNOTS[0]) - 9, max(heights[-1], KNOTS[-1]) + 9
    weights = normal(np.arange(-200, 201) * 0.005 / 0.2)
    wide = np.linspace(-9, 9, 3601)
    curve = np.interp(wide, [KNOTS[0] - 9, *KNOTS, KNOTS[-1] + 9], [ends[0], *heights, ends[1]])
    curve = np.convolve(curve, weights / weights.sum(), mode="valid")
    return curve, np.gradient(curve, FINE)


def strips(plane: Plane, edges: np.ndarray, density, lit: int, turned: bool = False) -> None:
    """The area under a density, cut at the edges; the axis goes upwards if `turned`."""
    for index, (begin, end) in enumerate(pairwise(edges)):
        line = np.linspace(begin, end, 60)
        shape = np.stack([[begin, *line, end], [0, *density(line), 0]], 1)
        color = ORANGE if index == lit else ("#D6E6F2", "#B4D0E4")[index % 2]
        plane.fill(shape[:, ::-1] if turned else shape, color)


def line_flow() -> Explorer:
    """A rising map z = f(x) through five knots, N(0, 1) at its left, the density of x below it.

    Controls: z1 to z5, where the map takes x = −2, −1, 0, 1, 2 (drag the knots up and down), and
    strip, the one that is lit (press on a density).
    """
    limits, whole = (-REACH, REACH), [(v, f"{v}") for v in range(-3, 4)]
    ticks = {"xticks": whole, "yticks": whole}
    noise = Pad(150, 300, (0.45, 0), limits, "N(0, 1) of z", xticks=(), yticks=whole)
    square = Pad(440, 300, limits, limits, "the map z = f(x): drag its knots", **ticks)
    below = Pad(440, 130, limits, (0, 1.0), "p(x): N(f(x)) times the slope", xticks=whole)
    page = Page([noise, [square, below]], width=690, gap=10)

    def draw(canvas, strip, **heights):
        z, slope = bent(tuple(heights.values()))
        p = normal(z) * slope
        x_edges = np.interp(EDGES, z, FINE)
        x0, x1, z0, z1 = *x_edges[strip : strip + 2], *EDGES[strip : strip + 2]
        with noise.on(canvas) as plane:
            strips(plane, EDGES, normal, strip, turned=True)
        with square.on(canvas) as plane:
            band = np.linspace(x0, x1, 60)
            curve = np.interp(band, FINE, z)
            plane.fill([(-REACH, z0), *np.stack([band, curve], 1), (-REACH, z1)], "#F6DDCB")
            plane.fill([(x0, -REACH), *np.stack([band, curve], 1), (x1, -REACH)], "#F6DDCB")
            plane.line(np.stack([FINE, z], 1), INK, 2.4)
            plane.discs(np.stack([KNOTS, np.interp(KNOTS, FINE, z)], 1), 6, PAPER, rim=INK)
        with below.on(canvas) as plane:
            strips(plane, x_edges, lambda x: np.interp(x, FINE, p), strip)
        sums = np.cumsum((p[1:] + p[:-1]) / 2) * (FINE[1] - FINE[0])
        shares = np.interp([x0, x1], FINE, [0, *sums])
        beside = np.maximum(np.roll(p, 40), np.roll(p, -40)) + 1e-3  # 0.2 to both sides
        taken = rising(tuple(heights.values()))
        moved = [
            f"f({at:.0f}) counts as {to:.2f}"
            for at, asked, to in zip(KNOTS, heights.values(), taken, strict=True)
            if abs(to - asked) > 1e-6
        ]
        must = f" The map must rise: {', '.join(moved)}." if moved else ""
        tops = [i for i in np.flatnonzero(p > beside) if p[i] == p[i - 40 : i + 41].max()]
        return (
            f"Strip {strip}: z from {z0:.2f} to {z1:.2f}, x from {x0:.2f} to {x1:.2f}: "
            f"{(x1 - x0) / (z1 - z0):.2f} times as wide, its area under p(x) still "
            f"{shares[1] - shares[0]:.3f}. The tops of p(x) lie at x = "
            f"{', '.join(f'{FINE[i]:.2f}' for i in tops)}.{must}"
        )

    def knot(
        begin: tuple[float, float], at: tuple[float, float], _now: dict
    ) -> dict[str, float]:
        """The knot below or above where the mouse went down follows it."""
        return {f"z{np.abs(KNOTS - begin[0]).argmin() + 1}": at[1]}

    names = [f"z{i}" for i in range(1, 6)]
    controls = [Slider("strip", "lit strip", 0, PIECES - 1, 1, 5)]
    controls += [
        Slider(name, f"f({knot:.0f})".replace("-", "−"), *limits, 0.05, start)
        for name, knot, start in zip(names, KNOTS, START, strict=True)
    ]
    about = "A rising map z = f(x), N(0, 1) beside it, and the density of x below it."
    mouse = {square: knot}
    letters = {
        "x": "a number of the data",
        "z": "the noise that it is taken to",
        "f": "the map",
        "p": "density of x",
        "N": "density of the standard normal",
    }
    return Explorer(
        "line_flow", about, controls, page, draw, mouse=mouse, play="strip", letters=letters
    )
