"""The networks inside couplings: residual, weight-normalised, and zero at the start.

They need no inverse, so they may be anything. Weight normalisation (Salimans and Kingma, 2016)
and the absence of batch statistics make a network the same map in training and in evaluation;
an output of zero makes every coupling start as the identity.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


def _conv(channels_in: int, channels_out: int, size: int, groups: int = 1) -> nn.Module:
    return weight_norm(
        nn.Conv2d(channels_in, channels_out, size, padding=size // 2, groups=groups)
    )


class PlainBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), both 3×3: the residual block of Dinh et al. (2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width, 3), _conv(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())


class SeparableBlock(nn.Module):
    """x + mix(relu(mix(look(x)))): a 3×3 look at each channel alone, then 1×1 mixtures.

    About a fifth of a plain block's multiplications (Chollet, 2017; Liu et al. 2022).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = _conv(width, width, 3, groups=width)
        self.widen, self.narrow = _conv(width, 2 * width, 1), _conv(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(self.widen(self.look(x)).relu())


BLOCKS = {"plain": PlainBlock, "separable": SeparableBlock}


class ResidualNetwork(nn.Module):
    """(B, channels_in, H, W) → (B, channels_out, H, W), 0 at the start.

    condition: K numbers an example, (B, K), that bias the first layer; 0 for none
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        width: int,
        blocks: int,
        block: str = "separable",
        condition: int = 0,
    ) -> None:
        super().__init__()
        self.enter = _conv(channels_in, width, 3)
        self.embed = nn.Linear(condition, width, bias=False) if condition else None
        self.blocks = nn.Sequential(*[BLOCKS[block](width) for _ in range(blocks)])
        self.leave = nn.Conv2d(width, channels_out, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        h = self.enter(x)
        if self.embed is not None:
            h = h + self.embed(condition)[:, :, None, None]
        return self.leave(self.blocks(h).relu())
