"""Blurred curves: moons and spiral, which a flow must bend (lesson 10).

A point is curve(t) plus Gaussian noise, t random in [0, 1]. So the density is an integral over
t, and Gauss-Legendre quadrature turns it into a mixture of Gaussians with known weights.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from course_lib.data.toy.base import PLAIN, Mixture, width_of_noise
from course_lib.errors import CourseError, real_number

NODES = 3000  # at most: NumPy finds them in a few seconds


class Curves(Mixture):
    """Curves t in [0, 1] -> plane, each equally likely, blurred by Gaussian noise."""

    curves: int = 2

    def __init__(self, sigma: float, length: float) -> None:
        sigma = width_of_noise(sigma)
        # Nodes about sigma / 2 apart. Measured against six times as many, log p is within 1e-9
        # wherever a sample falls, and within .002 at distance 4, where it is below -300.
        if (count := max(32, math.ceil(2 * length / sigma))) > NODES:
            raise CourseError(
                f"sigma = {sigma} is too fine for the quadrature of a curve that is {length:.3g} "
                f"long: choose at least {2 * length / NODES:.2g}."
            )
        t, weight = np.polynomial.legendre.leggauss(count)
        t, weight = torch.from_numpy((t + 1) / 2), torch.from_numpy(weight / 2)
        nodes = [
            self.curve(t, torch.full((count,), k, device="cpu")) for k in range(self.curves)
        ]
        weights = (weight * self.speed(t) / self.curves).repeat(self.curves)
        super().__init__(torch.cat(nodes), weights, sigma)

    def curve(self, t: Tensor, which: Tensor) -> Tensor:
        """The points (n, 2) at t (n,) on the curves number `which` (n,)."""
        raise NotImplementedError

    def speed(self, t: Tensor) -> Tensor:
        """The density of t on [0, 1]."""
        return torch.ones_like(t)

    def draw(self, u: Tensor) -> Tensor:
        """t from u, uniform in [0, 1): the inverse of the integral of `speed`."""
        return u

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """The component is the curve that each came from."""
        which = torch.randint(self.curves, (n,), generator=generator, device="cpu")
        t = self.draw(torch.rand(n, generator=generator, **PLAIN))
        return self.curve(t, which) + self._noise(n, generator), which


class Moons(Curves):
    """Two interlocking half circles of radius 1, blurred."""

    def __init__(self, sigma: float = 0.1) -> None:
        super().__init__(sigma, length=math.pi)

    def curve(self, t: Tensor, which: Tensor) -> Tensor:
        """Half circles; each is the other turned by half a turn about the origin."""
        angle = math.pi * t
        sign = 1 - 2 * which.to(t.dtype)
        return torch.stack([sign * (angle.cos() - 0.5), sign * (angle.sin() - 0.25)], 1)


class Spiral(Curves):
    """Two arms of a spiral, blurred, about equally dense all along."""

    def __init__(self, turns: float = 1.5, radius: float = 2.0, sigma: float = 0.1) -> None:
        self.turns, self.radius = real_number("turns", turns), real_number("radius", radius)
        super().__init__(sigma, abs(self.radius) * math.hypot(1, 2 * math.pi * self.turns))

    def curve(self, t: Tensor, which: Tensor) -> Tensor:
        """Radius and angle grow with t."""
        angle = 2 * math.pi * self.turns * t + math.pi * which.to(t.dtype)
        return self.radius * t[:, None] * torch.stack([angle.cos(), angle.sin()], 1)

    def speed(self, t: Tensor) -> Tensor:
        """More points further out, where t covers more of the arm."""
        return 2 * t

    def draw(self, u: Tensor) -> Tensor:
        """The inverse of u = t²."""
        return u.sqrt()
