"""Two networks from which all hybrids are made: one writes images, one reads them.

The writer is DCGAN's generator; its input is a code and a condition in a row. The reader is
DCGAN's strided convolutions without batch norm, then a hidden layer that also sees a vector (a
condition, a code, noise …). As encoder, discriminator, classifier or judge of pairs the same
reader differs only in what it is told and in how many numbers it gives. Lesson 08.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.models.parts import convolutions


class Reader(nn.Module):
    """An image (B, C, H, W) in [−1, 1], and a vector (B, told) → (B, outputs).

    width  channels of the first convolution; dense: width of the hidden layer, whose output
           `features` are the input of the last layer

    No batch norm: what it says of an image depends on that image alone.
    """

    def __init__(
        self, shape: tuple[int, ...], width: int, dense: int, *, told: int, outputs: int
    ) -> None:
        super().__init__()
        whole = convolutions.discriminator(
            shape, width, norm="none", down="strided", dense=0, slope=0.2
        )
        self.told = told
        blocks = convolutions.trunk(whole)
        self.trunk = nn.Sequential(*blocks, nn.Flatten())
        flat = (width << (len(blocks) - 1)) * convolutions.sides(shape)[0] ** 2
        self.hidden = nn.Sequential(nn.Linear(flat + told, dense), nn.LeakyReLU(0.2))
        self.head = nn.Linear(dense, outputs)

    def features(self, x: Tensor, vector: Tensor | None = None) -> Tensor:
        """The input of the last layer, (B, dense)."""
        seen = self.trunk(x)
        return self.hidden(seen if vector is None else torch.cat([seen, vector], 1))

    def forward(self, x: Tensor, vector: Tensor | None = None) -> Tensor:
        return self.head(self.features(x, vector))


@torch.no_grad()
def attentive(reader: Reader) -> Reader:
    """Let it hear what it is told: those weights start as those of a layer of their own.

    Beside thousands of features of an image, a label, a code or noise of a few numbers starts
    with weights so small that for hundreds of rounds the reader is nearly deaf to it.
    """
    weight = reader.hidden[0].weight
    inputs = weight.shape[1]
    weight[:, inputs - reader.told :] *= math.sqrt(inputs / max(1, reader.told))
    return reader


@torch.no_grad()
def obedient(generator: nn.Sequential, latent: int, length: float) -> nn.Sequential:
    """Let G hear the condition: at the start it moves G's first layer as much as a code does.

    A code of `latent` standard normal numbers has a length of about √latent, the vector of a
    condition `length`.
    """
    generator[1][0].weight[latent:] *= math.sqrt(latent) / length
    return generator


def writer(shape: tuple[int, ...], inputs: int, width: int) -> nn.Sequential:
    """Codes and conditions (B, inputs) → images (B, C, H, W) in (−1, 1)."""
    return convolutions.generator(shape, inputs, width, norm="dcgan", up="transposed")
