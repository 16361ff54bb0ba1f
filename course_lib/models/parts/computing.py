"""How a model computes: densities precisely enough, verdicts and samples in evaluation mode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.pixels import require_tensor


def full_precision(compute: Callable) -> Callable:
    """A method that computes densities: at least in float32, whatever autocast says.

    Half precision has 3 decimal digits: sums over pixels, log-determinants and grey levels of
    1/256 are lost in it, often without a NaN to tell. A model of half-precision weights is refused.
    """

    @functools.wraps(compute)
    def wrapped(self, *arguments: Any, **options: Any) -> Any:
        place = self.place
        if place["dtype"].itemsize < 4:
            raise CourseError(
                f"{type(self).__name__} computes densities, for which {place['dtype']} is too "
                "coarse: call model.float(). Under torch.autocast float32 weights will do."
            )
        if not torch.is_autocast_enabled(kind := place["device"].type):
            return compute(self, *arguments, **options)
        with torch.autocast(kind, enabled=False):
            return compute(self, *arguments, **options)

    return wrapped


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within it the network is in evaluation mode, afterwards each layer in its own again."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def in_parts(compute: Callable[..., Any], rows: int | None, *tensors: Tensor) -> Any:
    """compute(*tensors), so many rows at a time, so that thousands fit into memory; None: all.

    What it gives, one tensor or several, is put together again.
    """
    for tensor in tensors:
        require_tensor(tensor)
    rows = rows or max(1, len(tensors[0]))
    parts = [compute(*part) for part in zip(*(t.split(rows) for t in tensors), strict=True)]
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))
