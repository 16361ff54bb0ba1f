"""A flow on a line: a rising map bent by hand, and the density under it (lesson 10).

z = f(x) is standard normal, so that p(x) = N(f(x))·f′(x). The z-axis is cut into eight strips of
equal probability. f⁻¹ takes each to a strip of the x-axis, which is narrow where f is steep; its
area under p(x) stays an eighth, whatever the map.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

from course_lib.explore.kit import Explorer, Pad, Page, Slider, View
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import INK, ORANGE, PAPER

REACH, FAR, PIECES = 3.0, 8.0, 8  # of the picture, of what is computed; strips
APART = 0.1  # the least that the curve rises between two knots
KNOTS, START = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), (-1.8, -0.4, 0.0, 0.4, 1.8)
FINE = np.linspace(-FAR, FAR, 3201)
EDGES = norm.ppf(np.linspace(0, 1, PIECES + 1)).clip(-5, 5)


def bent(heights: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f, its slope on the grid `FINE`, and its heights at the knots, lifted where they don't rise.

    The curve is Fritsch and Carlson's (1980), which rises where its knots do, then smoothed, so
    that its slope has no kinks."""
    steps = APART * np.arange(len(KNOTS))
    heights = np.maximum.accumulate(np.array(heights) - steps) + steps
    ends = min(heights[0], KNOTS[0]) - FAR, max(heights[-1], KNOTS[-1]) + FAR
    curve = PchipInterpolator(
        [KNOTS[0] - FAR, *KNOTS, KNOTS[-1] + FAR], [ends[0], *heights, ends[1]]
    )
    smooth = gaussian_filter1d(curve(FINE), 0.2 / (FINE[1] - FINE[0]), mode="nearest")
    return smooth, np.gradient(smooth, FINE), heights


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
    for panel in (noise, square, below):
        panel.heading(page.paper)

    def draw(strip: int, **heights: float) -> View:
        z, slope, knots = bent(tuple(heights.values()))
        p, canvas = norm.pdf(z) * slope, page.sheet()
        x_edges = np.interp(EDGES, z, FINE)
        x0, x1, z0, z1 = *x_edges[strip : strip + 2], *EDGES[strip : strip + 2]
        with noise.on(canvas) as plane:
            strips(plane, EDGES, norm.pdf, strip, turned=True)
        with square.on(canvas) as plane:
            band = np.linspace(x0, x1, 60)
            curve = np.interp(band, FINE, z)
            plane.fill([(-REACH, z0), *np.stack([band, curve], 1), (-REACH, z1)], "#F6DDCB")
            plane.fill([(x0, -REACH), *np.stack([band, curve], 1), (x1, -REACH)], "#F6DDCB")
            plane.line(np.stack([FINE, z], 1), INK, 2.4)
            plane.discs(np.stack([KNOTS, knots], 1), 6, PAPER, rim=INK)
        with below.on(canvas) as plane:
            strips(plane, x_edges, lambda x: np.interp(x, FINE, p), strip)
        shares = np.interp([x0, x1], FINE, cumulative_trapezoid(p, FINE, initial=0))
        heaps = np.flatnonzero((p[1:-1] > p[:-2]) & (p[1:-1] >= p[2:]) & (p[1:-1] > 0.02)) + 1
        return canvas, (
            f"Strip {strip}: z from {z0:.2f} to {z1:.2f}, x from {x0:.2f} to {x1:.2f}: "
            f"{(x1 - x0) / (z1 - z0):.2f} times as wide, its area under p(x) still "
            f"{shares[1] - shares[0]:.3f}. The tops of p(x) lie at x = "
            f"{', '.join(f'{FINE[i]:.2f}' for i in heaps)}."
        )

    def knot(
        begin: tuple[float, float], at: tuple[float, float], _now: dict
    ) -> dict[str, float]:
        """The knot below or above where the mouse went down follows it."""
        return {f"z{np.abs(KNOTS - begin[0]).argmin() + 1}": at[1]}

    names = [f"z{i}" for i in range(1, 6)]
    controls = [Slider("strip", "lit strip", 0, PIECES - 1, 1, 5)]
    controls += [
        Slider(name, f"f({knot:.0f})", *limits, 0.05, start)
        for name, knot, start in zip(names, KNOTS, START, strict=True)
    ]
    about = "A rising map z = f(x), N(0, 1) beside it, and the density of x below it."
    named = {"name": "line_flow", "about": about, "size": page.size, "play": "strip"}
    return Explorer(controls, draw, **named, mouse={square: knot})
