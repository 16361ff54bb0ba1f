"""Couplings: one part of x changes by a simple map whose parameters are read off the other part.

The part that stays is all that the networks see, so the inverse needs no inverse of a network,
and the Jacobian is triangular: its log-determinant is the sum of the simple map's log-slopes.
Additive couplings are NICE (Dinh et al. 2014), affine ones RealNVP (Dinh et al. 2016, eq. 7).
Lesson 11 derives them; a checkerboard mask over pixels is a split of channels after a squeeze.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.flows.transforms import Transform, sum_over_example


class Coupling(Transform):
    """z[kept] = x[kept]; z[changed] = a simple map of x[changed], set by network(x[kept]).

    kept, changed  indices along dimension 1 that together are 0 … C − 1
    network        (B, |kept|, …), condition → (B, numbers · |changed|, …)
    """

    numbers = 1  # of parameters for each changed element

    def __init__(self, kept: Sequence[int], changed: Sequence[int], network: nn.Module) -> None:
        super().__init__()
        order = [*kept, *changed]
        if sorted(order) != list(range(len(order))) or not kept or not changed:
            raise CourseError(
                f"A coupling splits the indices 0 … C − 1 in two parts that are not empty; got "
                f"kept {list(kept)} and changed {list(changed)}."
            )
        self.size = len(kept)
        self.network = network
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("back", torch.tensor(order).argsort(), persistent=False)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        kept, changed = self._split(x)
        changed, log_slope = self.map(changed, self._numbers(kept, condition))
        z = torch.cat([kept, changed], 1).index_select(1, self.back)
        return z, sum_over_example(log_slope)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        kept, changed = self._split(z)
        changed = self.unmap(changed, self._numbers(kept, condition))
        return torch.cat([kept, changed], 1).index_select(1, self.back)

    def map(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """x → z elementwise, and log |∂z/∂x| of each element, in x's shape."""
        raise NotImplementedError

    def unmap(self, z: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
        """The inverse of `map`."""
        raise NotImplementedError

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.index_select(1, self.order)
        return x[:, : self.size], x[:, self.size :]

    def _numbers(self, kept: Tensor, condition: Tensor | None) -> tuple[Tensor, ...]:
        return self.network(kept, condition).chunk(self.numbers, 1)


class AdditiveCoupling(Coupling):
    """z = x + t: NICE. Its log-determinant is 0: it moves volume without changing it."""

    def map(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        (t,) = numbers
        return x + t, torch.zeros_like(x)

    def unmap(self, z: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
        (t,) = numbers
        return z - t


class AffineCoupling(Coupling):
    """z = x · exp(s) + t: RealNVP, log-slope s.

    s is scale · tanh(raw), with one learned scale for each changed channel: it can grow as
    large as the data want, but no single example can blow it up.
    """

    numbers = 2

    def __init__(self, kept: Sequence[int], changed: Sequence[int], network: nn.Module) -> None:
        super().__init__(kept, changed, network)
        self.scale = nn.Parameter(torch.ones(len(changed)))

    def map(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        s, t = self._s(numbers), numbers[1]
        return x * s.exp() + t, s

    def unmap(self, z: Tensor, numbers: tuple[Tensor, ...]) -> Tensor:
        return (z - numbers[1]) * (-self._s(numbers)).exp()

    def _s(self, numbers: tuple[Tensor, ...]) -> Tensor:
        raw = numbers[0]
        return self.scale.view(-1, *[1] * (raw.dim() - 2)) * raw.tanh()


class MaskedCoupling(Transform):
    """Affine coupling by a mask b: y = b ⊙ x + (1 − b) ⊙ (x ⊙ exp(s) + t), s, t from b ⊙ x.

    The form of the paper, at full resolution: network maps (B, C, H, W) to (B, 2C, H, W). The
    log-determinant sums s over the pixels with b = 0 only.
    even  whether the pixels with i + j even are kept (b = 1) or changed
    """

    def __init__(self, channels: int, network: nn.Module, even: bool) -> None:
        super().__init__()
        self.network, self.even = network, even
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        b, s, t = self._parts(x, condition)
        return b * x + (1 - b) * (x * s.exp() + t), sum_over_example(s)

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        b, s, t = self._parts(z, condition)
        return b * z + (1 - b) * (z - t) * (-s).exp()

    def _parts(self, x: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        i, j = (torch.arange(n, device=x.device) for n in x.shape[-2:])
        b = ((i[:, None] + j + self.even) % 2).to(x.dtype)
        raw, t = self.network(b * x, condition).chunk(2, 1)
        return b, (1 - b) * self.scale * raw.tanh(), t
