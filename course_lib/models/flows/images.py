"""From pixels to a flow's space: the logit, and the squeeze that trades space for channels.

Pixels lie in [0, 1] and a Gaussian does not: y = logit(α + (1 − 2α)x) stretches them, and its
Jacobian counts in every bit per dimension. A squeeze only renames: 2×2 pixels become channels.
Lesson 11.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from course_lib.models.flows.transforms import Transform, sum_over_example


class Logit(Transform):
    """y = log p − log(1 − p) with p = α + (1 − 2α)x, for x in [0, 1].

    log ∂y/∂x = log(1 − 2α) − log p − log(1 − p). The inverse undoes the logit *and* the
    α-scaling: what lies outside [α, 1 − α] in p comes out outside [0, 1] in x.
    """

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        p = self.alpha + (1 - 2 * self.alpha) * x
        log_p, log_q = p.log(), (-p).log1p()
        slope = math.log(1 - 2 * self.alpha) - log_p - log_q
        return log_p - log_q, sum_over_example(slope)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return (z.sigmoid() - self.alpha) / (1 - 2 * self.alpha)


class Squeeze(Transform):
    """(B, C, H, W) → (B, 4C, H/2, W/2): channel 4c + 2i + j holds pixels (2h + i, 2w + j).

    It permutes, so its log-determinant is 0.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        return F.pixel_shuffle(z, 2)
