"""log p(x) = ELBO + KL(q‖posterior), exactly, where everything is known (lesson 06).

One number x, z ~ N(0, 1), x | z ~ N(wz, s²). Then log p(x) = log N(x; 0, w² + s²), the
posterior is normal, and for a normal q every term has a closed form: nothing is estimated. The
closed forms, and two bars that share their parts, take half of its length.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from course_lib.explore.kit import Canvas, Curve, Explorer, Pad, Page, Slider, Toggle
from course_lib.explore.kit.axes import ticks
from course_lib.explore.kit.canvas import BLUE, INK, MUTED, ORANGE, PAPER, PINK
from course_lib.models.settings import number

LOG_2PI = math.log(2 * math.pi)
WHOLE = [(v, f"{v}") for v in range(-3, 5)]  # −4 would stand half beyond the edge


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
    """Three decimals, and no negative zero."""
    return f"{value if abs(value) >= 5e-4 else 0.0:.3f}"


def paint_bars(canvas: Canvas, pad: Pad, terms: Bound) -> None:
    """log p(x) and E log p(x|z), each from the left to its end, the ELBO in both."""
    low = min(-10.0, 1.15 * terms.elbo)
    values = terms.log_p, terms.reconstruction
    high = max(0.0, *values)
    names = [(1.5, "log p(x)"), (0.5, "E log p(x|z)")]
    xticks = ticks(low, high, 8)
    with pad.on(canvas, xlim=(low, high), xticks=xticks, yticks=(), rim=PAPER) as plane:
        for (y, _), end, color in zip(names, values, (ORANGE, PINK), strict=True):
            plane.area(low, terms.elbo, y - 0.1, y + 0.3, BLUE)
            plane.area(terms.elbo, end, y - 0.1, y + 0.3, color)
            plane.line([(end, y - 0.15), (end, y + 0.35)], INK, 2.4)
        (elbo, upper), (_, lower) = plane.at([(terms.elbo, 1.6), (terms.elbo, 0.6)])
        ends = plane.at(list(zip(values, (1.25, 0.25), strict=True)))
    parts = f"gap KL(q‖p(z|x)) {nats(terms.gap)}", f"KL(q‖p(z)) {nats(terms.kl_prior)}"
    label, within = f"ELBO {nats(terms.elbo)}", elbo > 130
    for y, (_, name), value, (x, below), part in zip(
        (upper, lower), names, values, ends, parts, strict=True
    ):
        left, y = pad.left, y + pad.top
        canvas.text(left - 10, y - 9, name, size=13, anchor="rm")
        canvas.text(left - 10, y + 9, nats(value), size=13, anchor="rm", bold=True)
        right = max(left + x, left + (170 if within else 330))
        canvas.text(right, below + pad.top + 6, part, size=13, anchor="ra")
        if within:
            canvas.text(left + elbo - 8, y, label, color=PAPER, anchor="rm", bold=True)
        else:
            canvas.text(left + 4, below + pad.top + 6, label, size=13, bold=True)
    canvas.text(pad.box[2] + 16, pad.box[3] + 5, "nats", size=12, color=MUTED)


def elbo_bar(x: float = 1.5, s: float = 0.6) -> Explorer:
    """The ELBO bar for one observation x of the exact linear-Gaussian model with noise s.

    Controls: mean and log_sd of q (drag over the densities to move the mean), the model's weight
    w, exact (put q on the posterior, where the gap is 0). x from −3 to 3, s from .4 to 2.
    """
    x = number(1.0, "the observation", "[-3, 3]").checked(x, "x")
    s = number(1.0, "standard deviation of the noise", "[0.4, 2]").checked(s, "s")
    densities = Curve(780, 190, (-4, 4), (0, 1), yticks=(), xticks=WHOLE, grid="x", xname="z")
    bars = Pad(640, 160, (-10, 0), (-0.1, 2), None, grid="x", room=114)
    page = Page([densities], [bars])
    z = np.linspace(-4, 4, 321)

    def draw(canvas, mean, log_sd, w, exact):
        true, sd = bound(x, w, s, 0.0, 1.0), math.exp(log_sd)
        if exact:
            mean, sd = true.posterior_mean, true.posterior_sd
        terms = bound(x, w, s, mean, sd)
        words = f"p(z) = N(0, 1),  p(x|z) = N({w:.2f} z, {s:g}²),  x = {x:g}"
        densities.heading(canvas, words)
        q = _density(z, mean, sd)
        posterior = _density(z, true.posterior_mean, true.posterior_sd)
        curves = [  # dashes over the full line, so that both are seen
            ("your q(z)", BLUE, 0.0, q),
            ("posterior p(z|x)", ORANGE, 8.0, posterior),
            ("prior p(z)", MUTED, 7.0, _density(z, 0.0, 1.0)),
        ]
        top = 1.12 * max(0.75, *(float(y.max()) for *_, y in curves))
        with densities.on(canvas, ylim=(0, top)) as plane:
            plane.fill([(-4, 0), *zip(z, q, strict=True), (4, 0)], "#D6E6F2")
            for _, color, dash, y in curves:
                plane.line(np.stack([z, y], 1), color, 1.6 if color == MUTED else 2.4, dash)
        keys = [(name, color, dash) for name, color, dash, _ in reversed(curves)]
        canvas.legend(densities.left + 16, densities.top + 18, keys)
        paint_bars(canvas, bars, terms)
        q_is = "q is the exact posterior" if exact else f"q = N({mean:.2f}, {sd:.3f}²)"
        return (
            f"{q_is}. log p(x) = {nats(terms.log_p)} = ELBO {nats(terms.elbo)} + gap "
            f"{nats(terms.gap)} nats. Exact posterior: mean {nats(terms.posterior_mean)}, log σ "
            f"{nats(math.log(terms.posterior_sd))}."
        )

    controls = [
        Slider("mean", "mean of q", -3.0, 3.0, 0.05, 0.5),
        Slider("log_sd", "log σ of q", -2.0, 1.0, 0.05, -0.3),
        Slider("w", "weight w", 0.2, 2.0, 0.05, 1.0),
        Toggle("exact", "put q on the exact posterior", False),
    ]
    about = "Densities of prior, posterior and q over z; below, log p(x) as ELBO plus gap."
    letters = {
        "x": "the number observed",
        "z": "the latent behind it",
        "p": "densities by the model",
        "w": "weight: x has mean w·z",
        "q": "your guess at the posterior p(z|x)",
        "σ": "standard deviation of q",
        "N": "a normal distribution (mean, variance)",
        "E": "the mean under q",
        "log": "natural logarithm",
        "KL": "Kullback–Leibler divergence",
        "ELBO": "evidence lower bound",
    }
    return Explorer(
        "elbo_bar", about, controls, page, draw, mouse={densities: "mean"}, letters=letters
    )
