"""Gaussians at known centres, whose modes can be counted: the laboratory of lesson 02."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.data.toy.base import Mixture, at_least


class Modes(Mixture):
    """Equally likely Gaussians at `centres` (modes, 2)."""

    def __init__(self, centres: Tensor, sigma: float) -> None:
        super().__init__(centres, torch.full((len(centres),), 1 / len(centres)), sigma)
        self.centres = centres.float()

    def sample_labelled(
        self, n: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """n points (n, 2) and the mode that each came from (n,)."""
        mode = torch.randint(len(self.centres), (n,), generator=generator)
        return self.centres[mode] + self._noise(n, generator), mode


class Ring(Modes):
    """Gaussians evenly spaced on a circle."""

    def __init__(self, modes: int = 8, radius: float = 2.0, sigma: float = 0.05) -> None:
        at_least("modes", modes, 1)
        angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
        super().__init__(radius * torch.stack([angle.cos(), angle.sin()], 1), sigma)


class Grid(Modes):
    """Gaussians on a square grid, its middle at the origin."""

    def __init__(self, side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> None:
        at_least("side", side, 1)
        axis = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
        super().__init__(torch.cartesian_prod(axis, axis), sigma)
