"""Dequantisation: from grey levels 0 … 255 to numbers in [0, 1), with a bound that stays true.

A density on integers can grow without limit. With x = (k + u)/256 and noise u ~ q(u | k) on
[0, 1)^D, log P(k) ≥ E_q[log p(x) − D log 256 − log q(u | k)] (Theis et al. 2016; Ho et al. 2019).
Uniform noise has log q = 0; a learned q brings the bound nearer to log P(k). Lesson 10 derives
it, lesson 11 uses it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.models.flows.networks import ResidualNetwork
from course_lib.models.flows.transforms import sum_over_example

LEVELS = 256


class UniformDequantisation(nn.Module):
    """u uniform on [0, 1], as Φ(ε) of standard normal noise: no parameters, log q = 0."""

    def forward(self, levels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """levels (B, C, H, W) in 0 … 255, noise ε like it → x in [0, 1], log q(u | levels) (B,)."""
        u = torch.special.ndtr(noise)
        return (levels + u) / LEVELS, levels.new_zeros(len(levels))


class VariationalDequantisation(nn.Module):
    """u = sigmoid(μ + σ ε), with μ and σ of each pixel read off the image by a small network.

    log q(u | levels) = Σ log N(ε; 0, 1) − log σ − log sigmoid′(μ + σ ε).
    """

    def __init__(self, channels: int, width: int, block: str) -> None:
        super().__init__()
        self.network = ResidualNetwork(4 * channels, 8 * channels, width, 2, block)
        with torch.no_grad():  # with σ near 1.7, u starts close to uniform
            self.network.leave.bias[4 * channels :] = 0.5

    def forward(self, levels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """levels (B, C, H, W) in 0 … 255, noise ε like it → x in [0, 1], log q(u | levels) (B,)."""
        found = self.network(F.pixel_unshuffle(levels / (LEVELS - 1), 2))
        mean, log_sigma = (F.pixel_shuffle(part, 2) for part in found.chunk(2, 1))
        v = mean + log_sigma.exp() * noise
        log_slope = F.logsigmoid(v) + F.logsigmoid(-v)
        log_q = -0.5 * (noise.square() + math.log(2 * math.pi)) - log_sigma - log_slope
        return (levels + v.sigmoid()) / LEVELS, sum_over_example(log_q)
