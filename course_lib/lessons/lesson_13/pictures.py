"""Two models that lesson 13 compares with: any model at 32×32, and one that recites."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.models.parts.likelihoods import LOG_2PI


class At32:
    """A model of faces whose samples are brought to 32×32, each pixel the mean of its area."""

    shape = (3, 32, 32)

    def __init__(self, model) -> None:
        self.model = model

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Images (n, 3, 32, 32) in [0, 1]."""
        return F.interpolate(self.model.sample(n, generator=generator), (32, 32), mode="area")


class Memoriser:
    """A mixture of narrow Gaussians around seen images: x = a seen image + sigma · noise.

    seen (M, D) in [0, 1], dequantised; sigma: of each number.
    """

    def __init__(self, seen: Tensor, sigma: float) -> None:
        self.seen, self.sigma = seen.double(), sigma

    def log_prob(self, x: Tensor) -> Tensor:
        """log (1/M) Σ N(x; seen_i, σ² I) of x (B, D), (B,) nats."""
        found = []
        for part in x.double().split(50):
            apart = torch.cdist(part, self.seen).square() / (2 * self.sigma**2)
            found.append((-apart).logsumexp(1))
        d, m = self.seen.shape[1], len(self.seen)
        constant = 0.5 * d * LOG_2PI + d * math.log(self.sigma) + math.log(m)
        return torch.cat(found) - constant

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Images (n, 1, 28, 28) in [0, 1]."""
        rows = torch.randint(len(self.seen), (n,), generator=generator)
        noise = torch.randn(n, self.seen.shape[1], generator=generator, dtype=torch.float64)
        x = self.seen[rows] + self.sigma * noise
        return x.clamp(0, 1).float().view(n, 1, 28, 28)
