"""How far pictures move when a code turns a little, against how far they lie apart. Lesson 13.

Two codes z₁, z₂ ~ N(0, I) are joined by z(a) = cos a · z₁ + sin a · z₂, a from 0 to π/2. At each a
both z(a) and its derivative z′(a) are standard normal, and independent of each other. So the mean
squared speed of what a judge sees, φ(g(z(a))), is E ‖J(z)‖²_F, J the Jacobian of φ∘g: the
perceptual path length of Karras et al. (2019). It is never below the total variance of φ(g(z))
(Poincaré's inequality for Gaussians), and equal to it for linear maps alone. Their ratio, the
*bend*, says how crooked the way from code to picture is; a Hermite polynomial of degree k has k.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.errors import CourseError, real_number, whole_number
from course_lib.pixels import require_generator

STEP = 1e-2  # radians
SMALLEST = 1e-5  # below, the float32 numbers of a code hold too little of a turn
PART = 100  # codes that are decoded at a time


@dataclass(frozen=True)
class PathLength:
    """speed: the mean squared speed of features, a radian; variance: their total variance over
    codes; bend: speed / variance, 1 for a linear map and more for any other. ± standard errors.
    """

    speed: float
    speed_error: float
    variance: float
    bend: float
    bend_error: float


def path_length(
    decode: Callable[[Tensor], Tensor],
    latent: int,
    features: Callable[[Tensor], Tensor],
    *,
    n: int = 500,
    step: float = STEP,
    generator: torch.Generator | None = None,
) -> PathLength:
    """Of n codes of length `latent`, each turned by `step` radians towards another.

    decode: codes (B, latent) → pictures; features: pictures → (B, k), not rounded to grey
    levels, which would hide a small step. step: from 1e-5 to below 1. Raises CourseError where
    features do not vary, are NaN or infinite, or of a wrong shape.
    """
    whole_number("n, the number of codes,", n, 10)
    latent = whole_number("latent, the length of a code,", latent)
    require_generator(generator)
    step = real_number("step, an angle in radians,", step, f"[{SMALLEST}, 1)")
    for name, given in (("decode", decode), ("features", features)):
        if not callable(given):
            raise CourseError(
                f"{name} must be a function, such as decode=model.decode and "
                f"features=evaluation.digit_classifier().features, not {given!r:.60}."
            )
    speeds, seen = [], []
    with torch.no_grad():
        for first in range(0, n, PART):
            many = min(PART, n - first)
            z, towards = torch.randn(2, many, latent, generator=generator)
            turned = math.cos(step) * z + math.sin(step) * towards
            here, there = (_checked(features(decode(x)), many) for x in (z, turned))
            speeds.append((there - here).square().sum(1) / step**2)
            seen.append(here)
    speed, seen = torch.cat(speeds), torch.cat(seen)
    spread = (seen - seen.mean(0)).square().sum(1) * n / (n - 1)
    variance = spread.mean()
    if not variance > 0:
        raise CourseError("These features are the same for all codes: no way has a length.")
    bend = speed.mean() / variance
    error = lambda x: (x.std() / math.sqrt(n)).item()
    return PathLength(
        speed.mean().item(),
        error(speed),
        variance.item(),
        bend.item(),
        error((speed - bend * spread) / variance),  # of a ratio of two means
    )


def _checked(found: Tensor, n: int) -> Tensor:
    """Features of n pictures as (n, k) in float64."""
    if not isinstance(found, Tensor) or found.ndim < 2 or len(found) != n:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise CourseError(
            f"features must give a tensor ({n}, k) for {n} pictures, a row for each; it gave "
            f"{got}. decode gets {n} codes, and has to keep their number."
        )
    found = found.double().flatten(1)
    if not found.isfinite().all():
        raise CourseError(
            "Some features are NaN or infinite: the model that decodes has diverged, or "
            "features are not defined for all of its pictures."
        )
    return found
