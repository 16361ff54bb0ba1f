"""What a computation may consume: batches, noise and means, all from one seed.

Losses ask a `Source` for everything random, so that a training is a function of its seed. With
several processes the noise of all of them is drawn jointly and each keeps its slice; two
processes then compute what one would.
"""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.data import Batch, DataSet, order
from course_lib.errors import CourseError, one_of, whole_number
from course_lib.pixels import levels_of, spread
from course_lib.training import distributed


class Source:
    """Hands out batches of `dataset` and noise, in round `t`.

    batch   images a batch, over all processes
    seed    fixes the order of the data and all noise, on every device (noise is drawn on the
            CPU), so that seeds agree across devices

    `rows` are the numbers of the last batch's examples, this process's share; none before it.
    """

    def __init__(
        self,
        dataset: DataSet,
        batch: int,
        seed: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        few = f" There are {len(dataset)} examples: take fewer, or a larger data set."
        batch = whole_number("batch, the examples of one,", batch, 1, len(dataset), few)
        if batch % distributed.world():
            raise CourseError(
                f"A batch of {batch} can't be shared evenly by {distributed.world()} processes."
            )
        self.dataset, self.size, self.seed = dataset, batch, seed
        self.device, self.dtype = torch.device(device), dtype
        self.generator = torch.Generator().manual_seed(seed)
        self.t = 0
        self.batches = 0
        self.rows = torch.arange(0)
        self._epoch = -1

    def batch(self) -> Batch:
        """The next batch: x in [0, 1] (B, C, H, W) and labels (B,), this process's share."""
        per_epoch = len(self.dataset) // self.size
        epoch, i = divmod(self.batches, per_epoch)
        if epoch != self._epoch:
            self._order, self._epoch = order(len(self.dataset), self.seed, epoch), epoch
        self.batches += 1
        self.rows = distributed.share(self._order[i * self.size : (i + 1) * self.size])
        return self.dataset.batch(self.rows).to(self.device, self.dtype)

    def attribute(self, name: str) -> Tensor:
        """The attribute of that name of the images of the last batch, this process's share."""
        one_of("attribute", name, self.dataset.attributes)
        return self.dataset.attributes[name][self.rows].to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal noise of `shape`; the first length counts this process's rows."""
        return self._noise(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform noise on [0, 1) of `shape`; the first length counts this process's rows."""
        return self._noise(torch.rand, shape)

    def bernoulli(self, p: Tensor) -> Tensor:
        """Zeros and ones, each one with its probability in `p`, which is not checked here.

        What `course_lib.pixels.binarise` does, with this training's joint noise.
        """
        return (self.uniform(*p.shape) < p).to(p.dtype)

    def dequantised(self, x: Tensor) -> Tensor:
        """Grey levels, given as x = level / 255 in [0, 1], each spread over its own interval.

        What `course_lib.pixels.dequantise` does, with this training's joint noise: in float32 at
        least, also for a model of half precision.
        """
        single = torch.promote_types(self.dtype, torch.float32)
        return spread(levels_of(x), self._noise(torch.rand, x.shape, single))

    def mean(self, x: Tensor) -> Tensor:
        """The mean of `x` over all processes, differentiable; with one process, `x` itself."""
        return distributed.mean(x)

    def _noise(self, kind, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
        joint = kind(
            distributed.world() * shape[0],
            *shape[1:],
            generator=self.generator,
            dtype=dtype or self.dtype,
        )
        return distributed.share(joint).to(self.device)
