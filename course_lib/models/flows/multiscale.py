"""The layers of RealNVP in their order: scales of couplings, squeezes, and factoring out.

Each scale has couplings on a checkerboard of pixels, a squeeze, then couplings on halves of the
channels; after it half of the numbers leave as noise, so that later scales are cheaper and the
loss reaches early layers directly (Dinh et al. 2016, figures 3 and 4). Lesson 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.models.flows.coupling import AdditiveCoupling, AffineCoupling, MaskedCoupling
from course_lib.models.flows.images import Squeeze
from course_lib.models.flows.networks import ResidualNetwork
from course_lib.models.flows.normalisation import ActivationNorm, BatchNorm
from course_lib.models.flows.spline import SplineCoupling
from course_lib.models.flows.transforms import Composition, Transform

COUPLINGS = {"affine": AffineCoupling, "additive": AdditiveCoupling, "spline": SplineCoupling}
NORMALISATIONS = {"activation": ActivationNorm, "batch": BatchNorm}


@dataclass(frozen=True)
class Layers:
    """What the couplings of one scale are made of."""

    coupling: str
    normalisation: str
    blocks: int
    block: str
    condition: int

    def folded(self, channels: int, width: int, boards: int, by_channel: int) -> Composition:
        """A scale whose checkerboards are split channels after the squeeze.

        Pixels (i, j) of a 2×2 square with i + j even are channels 0 and 3 of its four.
        """
        channels *= 4
        even = [c for c in range(channels) if c % 4 in (0, 3)]
        odd = [c for c in range(channels) if c % 4 in (1, 2)]
        layers = self._alternate(even, odd, width, boards)
        layers += self._halves(channels, width, by_channel)
        return Composition(Squeeze(), *layers, self._normalise(channels))

    def masked(self, channels: int, width: int, boards: int, by_channel: int) -> Composition:
        """A scale as printed: masks at full resolution, then channels at twice the width."""
        layers: list[Transform] = []
        for i in range(boards):
            network = self._network(channels, 2 * channels, width)
            layers += [
                self._normalise(channels),
                MaskedCoupling(channels, network, even=i % 2 == 0),
            ]
        channels *= 4
        halves = self._halves(channels, 2 * width, by_channel)
        return Composition(*layers, Squeeze(), *halves, self._normalise(channels))

    def _halves(self, channels: int, width: int, count: int) -> list[Transform]:
        half = channels // 2
        return self._alternate(list(range(half)), list(range(half, channels)), width, count)

    def _alternate(
        self, first: list[int], second: list[int], width: int, count: int
    ) -> list[Transform]:
        """`count` couplings, each after a normalisation; the parts change roles in turn."""
        kind, layers = COUPLINGS[self.coupling], []
        for i in range(count):
            kept, changed = (first, second) if i % 2 == 0 else (second, first)
            network = self._network(len(kept), kind.numbers * len(changed), width)
            channels = len(kept) + len(changed)
            layers += [self._normalise(channels), kind(kept, changed, network)]
        return layers

    def _normalise(self, channels: int) -> Transform:
        return NORMALISATIONS[self.normalisation](channels)

    def _network(self, channels_in: int, channels_out: int, width: int) -> nn.Module:
        return ResidualNetwork(
            channels_in, channels_out, width, self.blocks, self.block, self.condition
        )


class MultiScale(Transform):
    """Scale after scale; after each but the last, half of the channels leave as noise.

    (B, C, H, W) → z flat (B, C·H·W): what left first comes first.
    """

    def __init__(self, shape: tuple[int, ...], scales: list[Composition]) -> None:
        super().__init__()
        self.scales = nn.ModuleList(scales)
        channels, height, width = shape
        self.shapes = []  # of what leaves, or stays at the end
        for i in range(len(scales)):
            channels, height, width = 4 * channels, height // 2, width // 2
            if i + 1 < len(scales):
                channels //= 2
            self.shapes.append((channels, height, width))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total, left = x.new_zeros(len(x)), []
        for scale in self.scales[:-1]:
            x, log_det = scale(x, condition)
            total = total + log_det
            x, leaving = x.chunk(2, 1)
            left.append(leaving.flatten(1))
        x, log_det = self.scales[-1](x, condition)
        return torch.cat([*left, x.flatten(1)], 1), total + log_det

    def inverse(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = [
            part.view(-1, *shape)
            for part, shape in zip(z.split(sizes, 1), self.shapes, strict=True)
        ]
        x = self.scales[-1].inverse(parts[-1], condition)
        for scale, leaving in zip(reversed(self.scales[:-1]), parts[-2::-1], strict=True):
            x = scale.inverse(torch.cat([x, leaving], 1), condition)
        return x
