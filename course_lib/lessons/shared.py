"""What several lessons compute with: two divergences of distributions, and the error of a mean.

Lesson 01 derives all three, and its reader writes two of them (exercises 01.1 and 01.2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) in nats of probabilities (…, K) over the last axis → (…); 0 log 0 is 0."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def js(p: Tensor, q: Tensor) -> Tensor:
    """The Jensen–Shannon divergence in nats of probabilities (…, K) → (…), at most log 2."""
    mean = (p + q) / 2
    return (kl(p, mean) + kl(q, mean)) / 2


def standard_error(values: Tensor) -> Tensor:
    """The standard error of the mean of n ≥ 2 draws, over the last axis: (…, n) → (…)."""
    return values.std(-1) / math.sqrt(values.shape[-1])
