"""What a training shows of itself for replay: samples of the same noise, round after round.

About forty are planned. Where sampling is slow, some of them are left out, so that looking on
costs at most a tenth of a training's time; the first and the last are always taken.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError

Preview = Callable[[int], Tensor]

GRIDS = 40
GRID_BYTES = 200_000  # a history holds forty, and every checkpoint holds the history
POINTS = 512
SHARE = 0.1  # of a training's time, at most
ALLOWANCE = 2.0  # seconds; within them every preview is taken that is planned


def chosen(model: nn.Module | None, preview: bool | Preview, seed: int) -> Preview | None:
    """The function round → tensor to keep: the caller's own, samples of the model, or none."""
    if callable(preview):
        return lambda t: _tensor(preview(t))
    if preview and hasattr(model, "sample"):
        return lambda t: samples(model, seed)
    return None


def _tensor(found: object) -> Tensor:
    if isinstance(found, Tensor):
        return found
    raise CourseError(
        "preview(round) must return a tensor to keep, for instance images uint8 (n, C, H, W); "
        f"got {type(found).__name__}. Try torch.as_tensor(…)."
    )


class Previews:
    """Takes the previews of a training of `total` rounds when they are due, in its history.

    preview  round → what to keep; None: nothing is kept
    """

    def __init__(self, preview: Preview | None, total: int) -> None:
        self.preview, self.total = preview, total
        self.when = rounds(total) if preview else set()
        self.begun, self.spent = time.perf_counter(), 0.0

    def at(self, t: int) -> Iterator[tuple[int, Tensor]]:
        """After t rounds: (t, preview) if one is due and there is time for it, else nothing."""
        due = t in self.when and (t == self.total or self._affordable())
        if due or (t == 0 and self.preview):
            before = time.perf_counter()
            yield t, self.preview(t)
            self.spent += time.perf_counter() - before

    def _affordable(self) -> bool:
        trained = time.perf_counter() - self.begun - self.spent
        return self.spent <= ALLOWANCE + SHARE * trained


def rounds(total: int) -> set[int]:
    """About forty of `total` rounds, or a quarter, denser at the beginning: most changes there."""
    n = min(GRIDS, math.ceil(total / 4))
    return {round(total * (i / n) ** 2) for i in range(1, n + 1)} - {0}


def samples(model: nn.Module, seed: int) -> Tensor:
    """Samples of a model in training: uint8 (n, C, H, W), or float points (512, 2).

    n is 64, or the largest square whose images fit into GRID_BYTES (16 of 3×64×64).
    """
    shape = model.settings.get("shape", ())
    images = len(shape) == 3
    n = max(1, min(8, math.isqrt(GRID_BYTES // math.prod(shape)))) ** 2 if images else POINTS
    model.eval()
    found = model.sample(n, generator=torch.Generator().manual_seed(seed)).cpu()
    model.train()
    return (found * 255).round().to(torch.uint8) if images else found
