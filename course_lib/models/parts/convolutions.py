"""The convolutional generator and discriminator of DCGAN, at any size 4·2ⁿ or 7·2ⁿ.

G begins with a 4×4 grid of many channels and doubles it by transposed convolutions, each the
adjoint of a strided one; D goes the same way back (lesson 04). To 28×28 it goes by 4, 7, 14:
begun at 7×7, D would see parts of a digit and never the whole. Every rule of Radford et al.
(2016) is a setting, because report A's "DCGAN" on digits broke them all (E07).
"""

from __future__ import annotations

from itertools import pairwise, takewhile

from torch import Tensor, nn

from course_lib.errors import CourseError

NORMS = ("dcgan", "everywhere", "generator", "none")
UPS = ("transposed", "dense")
DOWNS = ("strided", "pooling")
INITS = ("dcgan", "torch")


def sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sides of the grids from 4 to H of square images (C, H, W): (4, 8, 16, 32) or (4, 7, 14).

    Each is twice the one before, but for the step from 4 to 7.
    """
    for start in ((4,), (4, 7)):
        found = start
        while len(shape) == 3 and found[-1] < shape[2]:
            found = (*found, 2 * found[-1])
        if len(found) > 1 and shape[1:] == (found[-1], found[-1]):
            return found
    raise CourseError(
        "DCGAN doubles a grid of 4×4 or 7×7: it wants square images with a side of 8, 16, 32, "
        f"64, 128 … or 7, 14, 28, 56 …, not {shape}. Resize or pad the images."
    )


def doubled(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sides from 4 or 7 to H, each twice the one before: what plain steps can reach."""
    found = sides(shape)
    found = found[1:] if found[1] == 7 else found
    if len(found) > 1:
        return found
    raise CourseError(
        'up="dense" and down="pooling" begin with 7×7 here: they want images of 14×14 or more, '
        f"not {shape}."
    )


def _kernel(low: int, high: int) -> int:
    """Of the stride-2 convolution, padding 1, between grids of these sides."""
    return 4 if high == 2 * low else 3


def generator(
    shape: tuple[int, ...], latent: int, width: int, *, norm: str, up: str
) -> nn.Sequential:
    """G: z (B, latent) → (B, C, H, W) in (−1, 1), with width·2ⁿ⁻¹, …, width channels.

    up  "transposed": kernel 4, stride 1, then 4/2/1 steps (from 4 to 7: 3/2/1); "dense": a fully
        connected layer to one channel of twice the size, two plain 3×3 convolutions or more,
        the last with stride 2
    """
    channels, grids = shape[0], doubled(shape) if up == "dense" else sides(shape)
    widths = [width << i for i in reversed(range(len(grids) - 1))]
    normalised = norm != "none"
    last = norm == "everywhere"

    def block(layer: nn.Module, to: int) -> nn.Sequential:
        normal = [nn.BatchNorm2d(to)] if normalised else []
        return nn.Sequential(layer, *normal, nn.ReLU(inplace=True))

    bias = not normalised  # a batch norm's shift makes it superfluous
    if up == "transposed":
        layers = [
            nn.Unflatten(1, (latent, 1, 1)),
            block(nn.ConvTranspose2d(latent, widths[0], grids[0], bias=bias), widths[0]),
            *(
                block(nn.ConvTranspose2d(a, b, _kernel(*step), 2, 1, bias=bias), b)
                for (a, b), step in zip(pairwise(widths), pairwise(grids), strict=False)
            ),
            nn.ConvTranspose2d(width, channels, _kernel(*grids[-2:]), 2, 1, bias=bias),
        ]
    else:
        side = 2 * shape[1]
        layers = [
            nn.Linear(latent, side * side),
            block(nn.Unflatten(1, (1, side, side)), 1),
            *(block(nn.Conv2d(a, b, 3, 1, 1, bias=bias), b) for a, b in pairwise([1, *widths])),
            nn.Conv2d(width, channels, 3, 2, 1, bias=bias),
        ]
    return nn.Sequential(*layers, *([nn.BatchNorm2d(channels)] if last else []), nn.Tanh())


def discriminator(
    shape: tuple[int, ...], width: int, *, norm: str, down: str, dense: int, slope: float
) -> nn.Sequential:
    """D: (B, C, H, W) → (B, 1), with width, …, width·2ⁿ⁻¹ channels; its last module gives it.

    down   "strided": 4/2/1 convolutions (from 7 to 4: 3/2/1); "pooling": 3×3 convolutions, each
           before a max-pool, down to 7×7 or 4×4
    dense  width of a fully connected layer before the output, 0 for none
    slope  of the leaky ReLU on its negative side; 0: ReLU
    """
    channels, grids = shape[0], doubled(shape) if down == "pooling" else sides(shape)
    widths = [width << i for i in range(len(grids) - 1)]
    normalised = norm in ("dcgan", "everywhere")

    def block(layer: nn.Module, normal: nn.Module, *more: nn.Module) -> nn.Sequential:
        skipped = not normalised or (norm == "dcgan" and not blocks)
        leak = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
        return nn.Sequential(layer, *([] if skipped else [normal]), leak, *more)

    bias = not normalised
    blocks: list[nn.Module] = []
    falling = list(pairwise(grids))[::-1]
    for (before, to), step in zip(pairwise([channels, *widths]), falling, strict=True):
        if down == "strided":
            layer, more = nn.Conv2d(before, to, _kernel(*step), 2, 1, bias=bias), ()
        else:
            layer, more = nn.Conv2d(before, to, 3, 1, 1, bias=bias), (nn.MaxPool2d(2),)
        blocks.append(block(layer, nn.BatchNorm2d(to), *more))
    if not dense:
        head = [nn.Conv2d(widths[-1], 1, grids[0], bias=bias), nn.Flatten()]
    else:
        whole = nn.Linear(widths[-1] * grids[0] ** 2, dense)
        hidden = block(whole, nn.BatchNorm1d(dense))
        head = [nn.Flatten(), hidden, nn.Linear(dense, 1)]
    return nn.Sequential(*blocks, *head)


class Decoder(nn.Module):
    """G without its tanh as a VAE's decoder: codes (…, latent) → (…, D), any number of them."""

    def __init__(self, shape: tuple[int, ...], latent: int, width: int) -> None:
        super().__init__()
        self.body = generator(shape, latent, width, norm="dcgan", up="transposed")[:-1]

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)


def encoder(shape: tuple[int, ...], width: int, dense: int, outputs: int) -> nn.Sequential:
    """Flat images (B, D) → (B, outputs): D's convolutions, without batch norm, and two layers.

    Without it, because what q(z|x) is must not depend on the other images of a batch.
    """
    whole = discriminator(shape, width, norm="none", down="strided", dense=dense, slope=0.2)
    return nn.Sequential(nn.Unflatten(1, shape), *whole[:-1], nn.Linear(dense, outputs))


def trunk(discriminator: nn.Sequential) -> list[nn.Module]:
    """Its convolutional blocks, from the image on, without what makes a verdict of them."""
    return list(takewhile(lambda module: isinstance(module, nn.Sequential), discriminator))


def normalises(network: nn.Module) -> bool:
    """Whether a batch norm makes the network's outputs depend on the whole batch."""
    kinds = nn.BatchNorm1d | nn.BatchNorm2d
    return any(isinstance(module, kinds) for module in network.modules())


def initialise(network: nn.Module) -> None:
    """DCGAN's start: weights N(0, .02²), batch-norm scales N(1, .02²), biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
