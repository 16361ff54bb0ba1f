"""Batches, and the order in which they come: a permutation that (seed, epoch) fixes.

So a run that is stopped and resumed, or spread over processes, sees the same batches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """x: float32, images (B, C, H, W) in [0, 1] or points (B, 2); labels: int64 (B,) or None."""

    x: Tensor
    labels: Tensor | None

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Batch:
        """The same batch on `device`, x as `dtype` if given."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        return Batch(self.x.to(device, dtype, non_blocking=True), labels)


def order(n: int, seed: int, epoch: int) -> Tensor:
    """The order in which `epoch` visits n items: a permutation that (seed, epoch) fixes.

    It touches no global random state, and the orders of two seeds or epochs are unrelated.
    """
    state = np.random.SeedSequence([int(seed) & (2**64 - 1), epoch]).generate_state(
        1, np.uint64
    )[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    return torch.randperm(n, generator=generator, device="cpu")
