"""Two networks from which all hybrids are made: one draws images, one reads them.

The decoder is DCGAN's generator; its input is a code and a condition in a row. The encoder is
DCGAN's strided convolutions without batch norm, then a hidden layer that also sees a condition
(labels, a code, noise …). As encoder, discriminator, classifier or judge of pairs the same
network differs only in what it is told and in how many numbers it gives. Lesson 08.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_lib.models.parts import convolutions


class ImageEncoder(nn.Module):
    """An image (B, C, H, W) in [−1, 1], and a condition (B, told) → (B, outputs).

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

    def features(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The input of the last layer, (B, dense)."""
        seen = self.trunk(x)
        return self.hidden(seen if condition is None else torch.cat([seen, condition], 1))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.head(self.features(x, condition))


@torch.no_grad()
def rescale_condition_weights(network: nn.Module, latent: int = 0, length: float = 1.0):
    """Let a network hear what it is told, from the first round on.

    Beside thousands of features of an image, a label, a code or noise of a few numbers starts
    with weights so small that for hundreds of rounds an `ImageEncoder` is nearly deaf to it:
    those weights start as those of a layer of their own. An `image_decoder` hears a condition,
    of vectors of that `length`, as much as a code of `latent` standard normal numbers, whose
    length is about √latent. Returns the network.
    """
    if isinstance(network, ImageEncoder):
        weight, told = network.hidden[0].weight, network.told
        inputs = weight.shape[1]
        weight[:, inputs - told :] *= math.sqrt(inputs / max(1, told))
    else:
        network[1][0].weight[latent:] *= math.sqrt(latent) / length
    return network


def image_decoder(shape: tuple[int, ...], inputs: int, width: int) -> nn.Sequential:
    """Codes and conditions (B, inputs) → images (B, C, H, W) in (−1, 1)."""
    return convolutions.generator(shape, inputs, width, norm="dcgan", up="transposed")
