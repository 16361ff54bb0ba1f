"""Gaussians at known centres, whose modes can be counted: the laboratory of lesson 02."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.data.toy.base import PLAIN, Mixture
from course_lib.errors import real_number, whole_number


class Modes(Mixture):
    """Equally likely Gaussians at `centres` (modes, 2)."""

    def __init__(self, centres: Tensor, sigma: float) -> None:
        super().__init__(centres, torch.full((len(centres),), 1 / len(centres), **PLAIN), sigma)
        self.centres = centres.to(torch.float32)

    def _draw(self, n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """The component is the mode that each came from."""
        mode = torch.randint(len(self.centres), (n,), generator=generator, device="cpu")
        return self.centres[mode] + self._noise(n, generator), mode


class Ring(Modes):
    """Gaussians evenly spaced on a circle."""

    def __init__(self, modes: int = 8, radius: float = 2.0, sigma: float = 0.05) -> None:
        modes, radius = whole_number("modes", modes, 1, 10_000), real_number("radius", radius)
        angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64, device="cpu") / modes
        super().__init__(radius * torch.stack([angle.cos(), angle.sin()], 1), sigma)


class Grid(Modes):
    """Gaussians on a square grid, its middle at the origin."""

    def __init__(self, side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> None:
        side, spacing = whole_number("side", side, 1, 100), real_number("spacing", spacing)
        middle = (side - 1) / 2
        axis = spacing * (torch.arange(side, dtype=torch.float64, device="cpu") - middle)
        super().__init__(torch.cartesian_prod(axis, axis), sigma)
