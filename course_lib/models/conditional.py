"""What the hybrids share: they draw images of what they are told, and most read images too.

`Conditional` has a generator G; `Autoencoder` has an encoder E besides, so it reconstructs, and
with another label it transfers: the style of one image, the class of another. The decoder of a
`LatentVariableModel` is a distribution p(x | z, c), of which G's image is the mean. G ends in a
tanh, and (1 + tanh a)/2 = σ(2a): the logit of a pixel is 2a. Lessons 08 and 09.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.models.model import Model, decoder
from course_lib.models.parts.averages import AVERAGE
from course_lib.models.parts.computing import full_precision, in_parts
from course_lib.models.parts.conditions import CONDITION
from course_lib.models.parts.images import ImageEncoder, image_decoder
from course_lib.models.parts.likelihoods import (
    SIGMA,
    Pixels,
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    log_sigma,
)
from course_lib.models.settings import BETAS, COMMON, choice, number, whole


class Conditional(Model):
    """A generator of square images of 28, 32, 64 … pixels that is told what to draw.

    With neither classes nor attributes it is unconditional.
    """

    declared: ClassVar = (
        COMMON
        | CONDITION
        | {
            "latent": whole(16, "length of z ~ N(0, I)", search=(8, 16, 32, 64)),
            "width": whole(
                32,
                "channels next to the image; each step towards z doubles them",
                search=(8, 16, 32),
            ),
            "dense": whole(256, "hidden layer of every network that reads images"),
            "lr": number(
                5e-4,
                "learning rate, of all players but those with their own",
                "(0, inf)",
                search="[1e-4, 5e-3]",
            ),
            "betas": number((0.9, 0.999), "of Adam", "[0, 1)", many=2, search=BETAS),
            "average": AVERAGE,
        }
    )
    at_once = 256

    def build(self) -> None:
        s = self.settings
        self.generator = image_decoder(
            self.shape, s["latent"] + self.condition.size, s["width"]
        )
        self.networks()
        self.to(memory_format=torch.channels_last)

    def networks(self) -> None:
        """Make the networks besides G."""
        raise NotImplementedError

    def reader(self, outputs: int, told: int = 0) -> ImageEncoder:
        """A network that reads an image and a condition of length `told`."""
        s = self.settings
        return ImageEncoder(self.shape, s["width"], s["dense"], told=told, outputs=outputs)

    def seen(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] as the networks see them, in [−1, 1]."""
        return 2 * self.flat(x).view(-1, *self.shape) - 1

    def training_batch(self, source) -> tuple[Tensor, Tensor | None, Tensor]:
        """A batch: images in [−1, 1], their labels, and these as conditions (B, size)."""
        batch = source.batch()
        labels = self.condition.read(batch.labels, source.attribute)
        return (
            self.seen(batch.x),
            labels,
            self.condition.vectors(labels, len(batch.x), **self.place),
        )

    def write(self, z: Tensor, condition: Tensor) -> Tensor:
        """G(z, c): images (B, C, H, W) in [−1, 1]."""
        return self.generator(torch.cat([z, condition], 1))

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent) and labels → images (B, C, H, W) in [0, 1]."""
        return (self.write(z, condition) + 1) / 2


class Autoencoder(Conditional):
    """A conditional generator with an encoder, whose q(z | x, c) is a diagonal Gaussian."""

    def networks(self) -> None:
        self.encoder = self.reader(2 * self.settings["latent"], self.condition.size)

    def averages(self) -> list[nn.Module]:
        return [self.encoder, self.generator]

    def posterior(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ² of q(z | x, c), each (B, latent), of x in [−1, 1]."""
        mean, log_var = self.encoder(x, condition).chunk(2, 1)
        return mean, log_var

    @torch.no_grad()
    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [0, 1] and labels → mean and log σ² of q(z | x, c)."""
        x, vectors = self.seen(x), self.conditions(condition, len(x))
        with self.averaged():
            return in_parts(self.posterior, self.at_once, x, vectors)

    @torch.no_grad()
    def code(self, x: Tensor, labels: Any, generator: torch.Generator | None) -> Tensor:
        """One draw of q(z | x, c), (B, latent)."""
        mean, log_var = self.encode(x, labels)
        return mean + (0.5 * log_var).exp() * self.noise(*mean.shape, generator=generator)

    def reconstruct(
        self, x: Tensor, labels: Any = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """x → G(z, c) at one draw of q(z | x, c), in [0, 1] (B, C, H, W)."""
        return self.decode(self.code(x, labels, generator), labels)

    def transfer(
        self,
        x: Tensor,
        labels: Any,
        others: Any,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The code of x under its own labels, drawn with other labels: style kept, class new.

        A row that stands for all images may be given for either. (B, C, H, W) in [0, 1].
        """
        if not self.condition.size:
            raise CourseError(
                f"This {type(self).__name__} has no labels to exchange: build it with classes or "
                "attributes."
            )
        return self.decode(self.code(x, labels, generator), others)


class LatentVariableModel(Pixels, Autoencoder):
    """An autoencoder with a likelihood: Bernoulli or Gaussian pixels, as in `VAE`."""

    declared: ClassVar = Autoencoder.declared | {
        "likelihood": choice("binarised", ("binarised", "gaussian"), "p(x | z, c)"),
        "sigma": replace(SIGMA, also=(None, "learned")),
    }

    def build(self) -> None:
        super().build()
        self.log_sigma = log_sigma(self.settings, math.prod(self.shape))

    def decoding(self) -> list[nn.Parameter]:
        """G's parameters, and σ's if it learns."""
        own = list(self.generator.parameters())
        return own + ([self.log_sigma] if self.settings["sigma"] == "learned" else [])

    def training_batch(self, source) -> tuple[Tensor, Tensor | None, Tensor]:
        """A batch as the likelihood wants it, in [0, 1], its labels, and these as conditions."""
        seen, labels, condition = super().training_batch(source)
        return self.wanted((seen + 1) / 2, source), labels, condition

    @full_precision
    def log_p_x(self, x: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        """log p(x | z, c) of x (B, C, H, W) in [0, 1], (B,) nats, summed over pixels."""
        before = self.generator[:-1](torch.cat([z, condition], 1)).flatten(1)
        if self.log_sigma is None:
            return bernoulli_log_likelihood(self.flat(x), 2 * before)
        mean = (before.tanh() + 1) / 2
        return gaussian_log_likelihood(self.flat(x), mean, self.log_sigma.exp())
