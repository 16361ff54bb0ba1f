"""Feature centres: where the features of each class lie on average, over many batches.

A batch holds a dozen images of a class, too few to say where its features lie. So Bao et al.
(2017, Algorithm 1, line 12) follow each class's mean by a moving average. Its history is a
number: no gradient passes through it. The batch of now enters with its gradient, and so a
generator can move the centre of its own images. Derived in lesson 09.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Centres(nn.Module):
    """The moving average m_c of the features' mean in each group c.

    After a group's n-th batch it is Σ dⁿ⁻ⁱ mᵢ / Σ dⁿ⁻ⁱ over the batch means mᵢ of the batches
    that held the group: its weights sum to one from the first on. A group that is absent keeps
    its centre.

    groups, width  of the features
    decay          d in [0, 1); 0: the batch alone
    """

    def __init__(self, groups: int, width: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("centres", torch.zeros(groups, width))
        self.register_buffer("batches", torch.zeros(groups, dtype=torch.int64))
        self._next: tuple[Tensor, Tensor] | None = None

    def moved(
        self,
        features: Tensor,
        members: Tensor,
        mean: Callable[[Tensor], Tensor] = lambda x: x,
    ) -> tuple[Tensor, Tensor]:
        """Centres (groups, width) with this batch in them, and which groups have one (groups,).

        features (B, width), members (B, groups) ones and zeros; mean: over processes. The
        gradient is that of the batch's share alone. Nothing is kept until `keep`.
        """
        count = mean(members.sum(0))
        batch = mean(members.T @ features) / count.clamp(min=1e-12)[:, None]
        here = count > 0
        batches = self.batches + here
        # The share of the newest of n batches; 1 for the first.
        share = (1 - self.decay) / (1 - self.decay ** batches.clamp(min=1).to(features.dtype))
        share = torch.where(here, share, 0.0)[:, None]
        now = (1 - share) * self.centres + share * batch
        self._next = now.detach(), batches
        return now, batches > 0

    @torch.no_grad()
    def keep(self) -> None:
        """Make the centres of the last `moved` the history; called after each round."""
        if self._next is not None:
            self.centres.copy_(self._next[0])
            self.batches.copy_(self._next[1])
            self._next = None
