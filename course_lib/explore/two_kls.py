"""Two directions of KL between a mixture p and one Gaussian q that the learner moves (lesson 01).

KL(p‖q) asks q to be wherever p is; KL(q‖p) forbids it to be where p is not. Both are computed by
quadrature on one grid. The first has its best q in closed form (1.5). The second is searched from
each mode; as the modes come close, first one loses its minimum, then the other. That search and
the quadrature are half of its length.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from course_lib.explore.kit import Bars, Choice, Curve, Explorer, Pad, Page, Slider
from course_lib.explore.kit.canvas import BLUE, GREEN, ORANGE, PALE

REACH, TALL = 7.0, 1.1  # of the picture
WIDTH, LEFT = 0.6, 0.6  # of a mode; the left mode's weight
GRID = np.linspace(-20, 20, 1001)
SEEN = slice(*np.searchsorted(GRID, (-REACH, REACH)))
OWN, FORWARD = "where you put it", "the best for KL(p‖q)"
REVERSE = "the best for KL(q‖p) on the left", "the best for KL(q‖p) on the right"
MINIMA = "one minimum, over both modes", "a minimum on one mode", "a minimum on each mode"


def log_normal(x: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """log N(x; mean, sd²)."""
    return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd * math.sqrt(2 * math.pi))


def log_mixture(x: np.ndarray, apart: float) -> np.ndarray:
    """log p(x): six tenths in a mode at −apart, four tenths in one at apart."""
    modes = log_normal(x, -apart, WIDTH), log_normal(x, apart, WIDTH)
    return np.logaddexp(modes[0] + math.log(LEFT), modes[1] + math.log(1 - LEFT))


def divergence(log_p: np.ndarray, log_q: np.ndarray) -> float:
    """KL(p‖q) in nats of two log-densities on the grid."""
    return float(np.trapezoid(np.exp(log_p) * (log_p - log_q), GRID))


def lowest(log_p: np.ndarray, mean: float, log_sd: float) -> tuple[float, float]:
    """(mean, sd) of the q at which KL(q‖p) has a minimum, searched from one place by steps that
    are halved where no neighbour is better (Hooke and Jeeves 1961)."""
    reverse = lambda at: divergence(log_normal(GRID, at[0], math.exp(at[1])), log_p)
    best, step = (mean, log_sd), 0.2
    while step > 1e-4:
        around = [
            (best[0] + i * step, best[1] + j * step) for i in (0, -1, 1) for j in (0, -1, 1)
        ]
        better = min(around, key=reverse)
        best, step = better, step / 2 if better == best else step
    return best[0], math.exp(best[1])


@lru_cache(100)
def best(apart: float) -> dict[str, tuple[float, float]]:
    """(mean, sd) of the best q, by the words of what it is best for."""
    log_p, middle = log_mixture(GRID, apart), (1 - 2 * LEFT) * apart
    found = {FORWARD: (middle, math.sqrt(WIDTH**2 + apart**2 - middle**2))}
    starts = zip(REVERSE, (-apart, apart), strict=True)
    return found | {words: lowest(log_p, at, math.log(WIDTH)) for words, at in starts}


def two_kls() -> Explorer:
    """A Gaussian q over a mixture of two modes, and both KL divergences between them.

    Controls: mean and log_sd of q, where you put it (press in the picture: q's top), apart (the
    modes lie at ±apart), put (q where you want it, or where one of both is least).
    """
    limits = -REACH, REACH
    whole = [(v, f"{v}") for v in range(-6, 7)]
    square = Pad(786, 230, limits, (0, TALL), xticks=whole, yticks=(), grid="x")
    parts = Curve(390, 150, limits, (-0.5, 3.5), "what each integral adds up, by x", grid="y")
    bars = Bars(216, 150, "nats", names=90, ends=56)
    page = Page([square], [parts, bars])

    def draw(canvas, mean, log_sd, apart, put):
        known, x = best(apart), GRID[SEEN]
        mean, sd = known.get(put, (mean, math.exp(log_sd)))
        log_p, log_q = log_mixture(GRID, apart), log_normal(GRID, mean, sd)
        p, q = np.exp(log_p), np.exp(log_q)
        square.heading(canvas, f"p has modes at ±{apart:g}; q = N({mean:.2f}, {sd:.2f}²)")
        with square.on(canvas) as plane:
            plane.fill([(-REACH, 0), *zip(x, p[SEEN], strict=True), (REACH, 0)], "#DADADA")
            for fit, color in zip(known.values(), (ORANGE, GREEN, GREEN), strict=True):
                plane.line(np.stack([x, np.exp(log_normal(x, *fit))], 1), color, 1.6, 6)
            plane.line(np.stack([x, q[SEEN]], 1), BLUE, 2.6)
        keys = [("the target p", "#BBBBBB", 0.0), ("q", BLUE, 0.0)]
        keys += [("best for KL(p‖q)", ORANGE, 6.0), ("best for KL(q‖p)", GREEN, 6.0)]
        canvas.legend(square.left + 14, square.top + 16, keys)
        fits = [log_normal(GRID, *fit) for fit in known.values()]
        least = divergence(log_p, fits[0]), min(divergence(fit, log_p) for fit in fits[1:])
        sides = ("KL(p‖q)", log_p, log_q, ORANGE), ("KL(q‖p)", log_q, log_p, GREEN)
        lines, rows, said = [], [], []
        for (name, one, other, color), low in zip(sides, least, strict=True):
            value = divergence(one, other)
            lines.append((x, (np.exp(one) * (one - other))[SEEN], color, 2.2, 0.0))
            rows += [
                (name, value, color, f"{value:.3f}"),
                ("its least", low, PALE, f"{low:.3f}"),
            ]
            said.append(f"{name} is {value:.3f} nats, at its least {low:.3f}")
        parts.paint(canvas, lines)
        bars.paint(canvas, rows, limits=(0, 4))
        step = GRID[1] - GRID[0]
        missed = p[np.abs(GRID - mean) > 2 * sd].sum() * step
        wasted = q[np.abs(np.abs(GRID) - apart) > 3 * WIDTH].sum() * step
        means = known[REVERSE[0]][0], known[REVERSE[1]][0]
        own = (means[0] < -apart / 2) + (means[1] > apart / 2)  # minima on a mode of their own
        return (
            f"q = N({mean:.2f}, {sd:.2f}²). {'; '.join(said)}. {missed:.0%} of p lies beyond 2σ "
            f"of q; {wasted:.0%} of q lies where p is nearly 0. KL(q‖p) has "
            f"{MINIMA[own]}."
        )

    def top(_begin: object, at: tuple[float, float], _now: dict) -> dict[str, object]:
        """The Gaussian whose top is at the mouse: its height is 1 / (σ √2π)."""
        log_sd = -math.log(max(at[1], 0.01) * math.sqrt(2 * math.pi))
        return {"mean": at[0], "log_sd": log_sd, "put": OWN}

    controls = [
        Slider("mean", "mean of q", -6.0, 6.0, 0.05, 1.0, sets={"put": OWN}),
        Slider("log_sd", "log σ of q", -1.0, 1.6, 0.05, 0.3, sets={"put": OWN}),
        Slider("apart", "modes at ±", 0.0, 3.0, 0.1, 3.0),
        Choice("put", "q is", (OWN, FORWARD, *REVERSE), OWN),
    ]
    about = (
        "A Gaussian q over a target p of two modes, and the KL divergence in both directions."
    )
    letters = {
        "x": "a number",
        "p": "density of the target",
        "q": "density of your Gaussian",
        "N": "a normal distribution (mean, variance)",
        "σ": "standard deviation of q",
        "KL": "Kullback–Leibler divergence",
        "log": "natural logarithm",
    }
    return Explorer(
        "two_kls", about, controls, page, draw, mouse={square: top}, letters=letters
    )
