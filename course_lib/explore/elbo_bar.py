"""log p(x) = ELBO + KL(q‖posterior), exactly, where everything is known (lesson 06).

One number x, z ~ N(0, 1), x | z ~ N(wz, s²). Then log p(x) = log N(x; 0, w² + s²), the
posterior is normal, and for a normal q every term has a closed form: nothing is estimated.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from course_lib.errors import CourseError
from course_lib.explore.kit.axes import Plane
from course_lib.explore.kit.canvas import BLUE, GRID, INK, MUTED, ORANGE, PINK, Canvas
from course_lib.explore.kit.controls import Slider, Toggle
from course_lib.explore.kit.explorer import Explorer

SIZE = (820, 480)
LEFT, RIGHT = 120, 770
LOG_2PI = math.log(2 * math.pi)


class Bound(NamedTuple):
    """All terms of the bound, in nats, and the posterior's mean and standard deviation."""

    log_p: float
    elbo: float
    gap: float
    reconstruction: float
    kl_prior: float
    posterior_mean: float
    posterior_sd: float


def normal_kl(mean: float, sd: float, mean_2: float, sd_2: float) -> float:
    """KL(N(mean, sd²) ‖ N(mean_2, sd_2²)) in nats."""
    return math.log(sd_2 / sd) + (sd**2 + (mean - mean_2) ** 2) / (2 * sd_2**2) - 0.5


def bound(x: float, w: float, s: float, mean: float, sd: float) -> Bound:
    """The terms for q = N(mean, sd²). The gap is computed as a KL, not as a difference."""
    log_p = -0.5 * (LOG_2PI + math.log(w**2 + s**2) + x**2 / (w**2 + s**2))
    variance = s**2 / (s**2 + w**2)
    m, v = variance * w * x / s**2, math.sqrt(variance)
    squared = (x - w * mean) ** 2 + (w * sd) ** 2
    reconstruction = -0.5 * (LOG_2PI + 2 * math.log(s) + squared / s**2)
    kl_prior = normal_kl(mean, sd, 0.0, 1.0)
    gap = normal_kl(mean, sd, m, v)
    return Bound(log_p, reconstruction - kl_prior, gap, reconstruction, kl_prior, m, v)


def _density(z: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return np.exp(-0.5 * ((z - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))


def nats(value: float) -> str:
    """Three decimals, a true minus, and no negative zero."""
    return f"{value if abs(value) >= 5e-4 else 0.0:.3f}".replace("-", "−")


def draw(
    x: float, s: float, mean: float, log_sd: float, w: float, exact: bool
) -> tuple[Image.Image, str]:
    """One state: densities above, the two bars below."""
    true = bound(x, w, s, 0.0, 1.0)
    sd = math.exp(log_sd)
    if exact:
        mean, sd = true.posterior_mean, true.posterior_sd
    terms = bound(x, w, s, mean, sd)
    canvas = Canvas(*SIZE)
    canvas.text(6, 12, f"p(z) = N(0, 1),  p(x|z) = N({w:.2f} z, {s:g}²),  x = {x:g}", size=15)
    _densities(canvas, terms, mean, sd)
    _bars(canvas, terms, s)
    q = (
        "q is the exact posterior"
        if exact
        else f"q = N({mean:.2f}, {sd:.3f}²)".replace("-", "−")
    )
    text = (
        f"{q}. log p(x) = {nats(terms.log_p)} = "
        f"ELBO {nats(terms.elbo)} + gap {nats(terms.gap)} nats. "
        f"Exact posterior: mean {nats(terms.posterior_mean)}, "
        f"log σ {nats(math.log(terms.posterior_sd))}."
    )
    return canvas.finish(), text


def _densities(canvas: Canvas, terms: Bound, mean: float, sd: float) -> None:
    z = np.linspace(-4, 4, 121)
    curves = [
        ("prior p(z)", MUTED, 7.0, _density(z, 0.0, 1.0)),
        (
            "posterior p(z|x)",
            ORANGE,
            8.0,
            _density(z, terms.posterior_mean, terms.posterior_sd),
        ),
        ("your q(z)", BLUE, 0.0, _density(z, mean, sd)),
    ]
    top = 1.12 * max(0.75, *(float(y.max()) for *_, y in curves))
    plane = Plane(canvas, (16, 46, 794, 236), (-4, 4), (0, top))
    plane.grid(range(-3, 4), ())
    q = curves[2][3]
    plane.fill([(-4, 0), *zip(z, q, strict=True), (4, 0)], "#D6E6F2")
    for _, color, dash, y in reversed(curves):  # dashes over the full line, so both are seen
        plane.line(np.stack([z, y], axis=1), color, 1.6 if color == MUTED else 2.4, dash)
    plane.ticks([(v, f"{v}".replace("-", "−")) for v in range(-4, 5)], [])
    plane.close()
    canvas.text(802, 236, "z", size=14, anchor="ls")
    canvas.legend(32, 64, [(name, color, dash) for name, color, dash, _ in curves])


def _bars(canvas: Canvas, terms: Bound, s: float) -> None:
    low, high = -10.0, max(0.0, -0.5 * LOG_2PI - math.log(s))

    def at(value: float) -> float:
        return LEFT + (min(max(value, low), high) - low) / (high - low) * (RIGHT - LEFT)

    for value in range(int(low), int(high) + 1, 2):
        canvas.line([(at(value), 290), (at(value), 444)], GRID, 0.8)
        label = f"{value}".replace("-", "−")
        canvas.text(at(value), 448, label, size=12, color=MUTED, anchor="ma")
    canvas.text(RIGHT + 16, 448, "nats", size=12, color=MUTED, anchor="la")
    rows = [
        (302, "log p(x)", terms.log_p, ORANGE, f"gap KL(q‖p(z|x)) {nats(terms.gap)}"),
        (
            376,
            "log p(x|z)",
            terms.reconstruction,
            PINK,
            f"KL(q‖p(z)) {nats(terms.kl_prior)}",
        ),
    ]
    within = at(terms.elbo) - LEFT > 130
    for top, name, end, color, part in rows:
        canvas.box(LEFT, top, at(terms.elbo), top + 34, fill=BLUE)
        canvas.box(at(terms.elbo), top, at(end), top + 34, fill=color)
        canvas.box(at(end) - 1.2, top - 4, at(end) + 1.2, top + 38, fill=INK)
        canvas.text(LEFT - 10, top + 9, name, size=13, anchor="rm")
        canvas.text(LEFT - 10, top + 27, nats(end), size=13, anchor="rm", bold=True)
        right = max(at(end), LEFT + (170 if within else 340))
        canvas.text(right, top + 41, part, size=13, anchor="ra", halo=True)
    label = f"ELBO {nats(terms.elbo)}"
    canvas.text(LEFT - 82, 385, "E", size=13, anchor="rm")
    canvas.text(LEFT - 82, 389, "q", size=11, anchor="lm")
    if within:
        for top, *_ in rows:
            canvas.text(
                at(terms.elbo) - 8, top + 17, label, color="#FFFFFF", anchor="rm", bold=True
            )
    else:
        off = "◀ " if terms.elbo < low else ""
        for top, *_ in rows:
            canvas.text(LEFT + 8, top + 41, off + label, size=13, bold=True)


def elbo_bar(x: float = 1.5, s: float = 0.6) -> Explorer:
    """The ELBO bar for one observation x of the exact linear-Gaussian model with noise s.

    Controls: mean and log_sd of q, the model's weight w, exact (put q on the posterior, where
    the gap is 0). x from −3 to 3, s from .4 to 2.
    """
    if not (-3 <= x <= 3 and 0.4 <= s <= 2):
        raise CourseError(f"elbo_bar wants x in [−3, 3] and s in [0.4, 2]; got x={x}, s={s}.")
    controls = [
        Slider("mean", "mean of q", -3.0, 3.0, 0.05, 0.5),
        Slider("log_sd", "log σ of q", -2.0, 1.0, 0.05, -0.3),
        Slider("w", "weight w of the model", 0.2, 2.0, 0.05, 1.0),
        Toggle("exact", "put q on the exact posterior", False),
    ]
    return Explorer(
        controls,
        lambda **state: draw(x, s, **state),
        name="elbo_bar",
        about="Densities of prior, posterior and q over z; below, log p(x) as ELBO plus gap.",
        size=SIZE,
    )
