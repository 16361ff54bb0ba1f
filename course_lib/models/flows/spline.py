"""Monotone rational-quadratic splines: a map of a line, bent in every interval as needed.

A distribution function maps a line so that its density becomes flat; a spline with free knots
comes near any of them and has a closed inverse. Inside [−bound, bound] each bin is a quotient of
two quadratics that meets its neighbours with equal slopes; outside the map is the identity.
Source: Durkan et al. (2019), eqs. 4–8, after Gregory and Delbourgo (1982). Lesson 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softmax, softplus

from course_lib.models.flows.coupling import Coupling
from course_lib.models.flows.transforms import Transform, sum_over_example

BINS = 8
MINIMUM = 1e-3  # smallest width and height of a bin, as a share, and smallest slope at a knot


class Knots(NamedTuple):
    """Positions x and z of the K + 1 knots and the slopes there, each (…, K + 1)."""

    x: Tensor
    z: Tensor
    slope: Tensor


def numbers(bins: int) -> int:
    """Free numbers of a spline: widths, heights, and slopes at the inner knots."""
    return 3 * bins - 1


def knots(raw: Tensor, bound: float) -> Knots:
    """Knots from unconstrained numbers (…, 3K − 1); all zero gives the identity."""
    bins = (raw.shape[-1] + 1) // 3
    widths, heights, slopes = raw.split([bins, bins, bins - 1], -1)

    def places(shares: Tensor) -> Tensor:
        shares = MINIMUM + (1 - MINIMUM * bins) * softmax(shares, -1)
        inner = shares[..., :-1].cumsum(-1) * 2 * bound - bound
        return pad(pad(inner, (1, 0), value=-bound), (0, 1), value=bound)

    one_at_zero = math.log(math.expm1(1 - MINIMUM))
    slopes = MINIMUM + softplus(slopes + one_at_zero)
    return Knots(places(widths), places(heights), pad(slopes, (1, 1), value=1.0))


class _Bin(NamedTuple):
    """The bin that each number lies in: its corner, size and the slopes at its ends."""

    x: Tensor
    z: Tensor
    width: Tensor
    height: Tensor
    left: Tensor
    right: Tensor

    @property
    def curve(self) -> Tensor:
        """What the slopes at both ends have in excess of the bin's own."""
        return self.left + self.right - 2 * self.height / self.width


def _bin(of: Tensor, edges: Tensor, at: Knots) -> _Bin:
    index = (edges[..., 1:-1] <= of[..., None]).sum(-1, keepdim=True)

    def pick(values: Tensor, shift: int) -> Tensor:
        return values.expand(*index.shape[:-1], -1).gather(-1, index + shift).squeeze(-1)

    x, z = pick(at.x, 0), pick(at.z, 0)
    width, height = pick(at.x, 1) - x, pick(at.z, 1) - z
    return _Bin(x, z, width, height, pick(at.slope, 0), pick(at.slope, 1))


def spline(x: Tensor, at: Knots) -> tuple[Tensor, Tensor]:
    """x → z and log dz/dx, elementwise; knots (…, K + 1) for x (…)."""
    inside = x.abs() < at.x[..., -1]
    within = x.where(inside, torch.zeros_like(x))
    b = _bin(within, at.x, at)
    t = (within - b.x) / b.width
    mean, mixed = b.height / b.width, t * (1 - t)
    below = mean + b.curve * mixed
    z = b.z + b.height * (mean * t.square() + b.left * mixed) / below
    slope = b.right * t.square() + 2 * mean * mixed + b.left * (1 - t).square()
    log_slope = 2 * mean.log() + slope.log() - 2 * below.log()
    return z.where(inside, x), log_slope.where(inside, torch.zeros_like(x))


def unspline(z: Tensor, at: Knots) -> Tensor:
    """The inverse of `spline`: the root of a quadratic that lies in the bin."""
    inside = z.abs() < at.z[..., -1]
    within = z.where(inside, torch.zeros_like(z))
    b = _bin(within, at.z, at)
    rise = within - b.z
    mean = b.height / b.width
    square = b.height * (mean - b.left) + rise * b.curve
    linear = b.height * b.left - rise * b.curve
    root = (linear.square() + 4 * square * mean * rise).clamp_min(0).sqrt()
    x = b.x + b.width * 2 * mean * rise / (linear + root)
    return x.where(inside, z)


class Spline(Transform):
    """Each of the D numbers of x (B, D) through a spline of its own: D maps of a line."""

    def __init__(self, size: int, bins: int = BINS, bound: float = 4.0) -> None:
        super().__init__()
        self.bound = bound
        self.raw = nn.Parameter(torch.zeros(size, numbers(bins)))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z, log_slope = spline(x, knots(self.raw, self.bound))
        return z, sum_over_example(log_slope)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return unspline(z, knots(self.raw, self.bound))


class SplineCoupling(Coupling):
    """A coupling whose simple map is a spline (Durkan et al. 2019, RQ-NSF (C)).

    The network gives 3 · bins − 1 numbers for each changed element.
    """

    numbers = numbers(BINS)

    def __init__(
        self,
        kept: Sequence[int],
        changed: Sequence[int],
        network: nn.Module,
        bins: int = BINS,
        bound: float = 4.0,
    ) -> None:
        super().__init__(kept, changed, network)
        self.numbers, self.bound = numbers(bins), bound

    def map(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return spline(x, knots(torch.stack(numbers, -1), self.bound))

    def unmap(self, z: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
        return unspline(z, knots(torch.stack(numbers, -1), self.bound))
