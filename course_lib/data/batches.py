"""Batches, and the order in which they come: a permutation that (seed, epoch) fixes.

So a run that is stopped and resumed, or spread over processes, sees the same batches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import whole_number

MOST = 1_000_000_000  # items, whose order takes 8 GB


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
    n = whole_number("n, the number of items,", n, 0, MOST)
    seed = whole_number("seed", seed, -(2**63), 2**64 - 1)
    epoch = whole_number("epoch", epoch, 0)
    state = np.random.SeedSequence([seed & (2**64 - 1), epoch]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    return torch.randperm(n, generator=generator, device="cpu")
