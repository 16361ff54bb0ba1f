"""Invertible maps with a known log-determinant, and their composition.

For z = f(x), p(x) = p(z) |det ∂f/∂x|. A `Transform` maps data to noise in `forward` and reports
log |det ∂f/∂x| of each example beside the result; `inverse` maps noise back to data. In a
composition the log-determinants add up. Lesson 10 derives both statements.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn


class Transform(nn.Module):
    """z = f(x), its inverse, and log |det ∂f/∂x|.

    forward(x, condition) → z, of as many numbers as x, and log_det (B,), in nats
    inverse(z, condition) → x
    condition: (B, K), what the map may depend on besides x, or None
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Composition(Transform):
    """First the first transform, then the second, …; log-determinants add up."""

    def __init__(self, *transforms: Transform) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for transform in self.transforms:
            x, log_det = transform(x, condition)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        for transform in reversed(self.transforms):
            z = transform.inverse(z, condition)
        return z

    def stages(self, x: Tensor, condition: Tensor | None = None) -> Iterator[Tensor]:
        """x itself, then what each transform makes of it: the flow layer by layer."""
        yield x
        for transform in self.transforms:
            x, _ = transform(x, condition)
            yield x


def sum_over_example(values: Tensor) -> Tensor:
    """(B, …) → (B,): the sum over all but the first dimension."""
    return values.flatten(1).sum(1)
