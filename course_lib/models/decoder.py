"""A decoder is a distribution: p(x | z, c), of which G's image is the mean.

Bernoulli pixels on binarised images, or Gaussian ones on dequantised images, as in `VAE`
(lessons 06 and 07). G ends in a tanh, and (1 + tanh a)/2 = σ(2a): the logit of a pixel is 2a.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.models.conditional import Autoencoder
from course_lib.models.vae import bernoulli_log_likelihood, gaussian_log_likelihood
from course_lib.pixels import binarise

LIKELIHOODS = ("binarised", "gaussian")


class Decoder(Autoencoder):
    """An autoencoder with a likelihood of x given its code.

    likelihood  "binarised" or "gaussian"; sigma: of the Gaussian, in units of the pixel range, a
                number or "learned"; None for Bernoulli pixels
    """

    def build(self) -> None:
        s = self.settings
        if s["likelihood"] not in LIKELIHOODS:
            raise unknown("likelihood", s["likelihood"], LIKELIHOODS)
        gaussian, sigma = s["likelihood"] == "gaussian", s["sigma"]
        if gaussian != (sigma is not None) or (gaussian and sigma != "learned" and sigma <= 0):
            raise CourseError(
                'A Gaussian likelihood needs sigma (a positive number, or "learned"), and only '
                f"it does: got likelihood={s['likelihood']!r} with sigma={sigma!r}."
            )
        super().build()
        if gaussian:
            start = torch.tensor(math.log(0.2 if sigma == "learned" else sigma))
            self.log_sigma = nn.Parameter(start, requires_grad=sigma == "learned")

    def decoding(self) -> list[nn.Parameter]:
        """G's parameters, and σ's if it learns."""
        own = list(self.generator.parameters())
        return own + ([self.log_sigma] if self.settings["sigma"] == "learned" else [])

    def prepared(self, source) -> tuple[Tensor, Tensor]:
        """A batch as the likelihood wants it, in [0, 1], and its conditions as vectors."""
        seen, _, vector = self.drawn(source)
        x = (seen + 1) / 2
        if self.settings["likelihood"] == "binarised":
            return source.bernoulli(x), vector
        return source.dequantised(x), vector

    def log_p_x(self, x: Tensor, z: Tensor, vector: Tensor) -> Tensor:
        """log p(x | z, c) of x (B, C, H, W) in [0, 1], (B,) nats, summed over pixels."""
        before = self.generator[:-1](torch.cat([z, vector], 1)).flatten(1)
        if self.settings["likelihood"] == "binarised":
            return bernoulli_log_likelihood(self.flat(x), 2 * before)
        mean = (before.tanh() + 1) / 2
        return gaussian_log_likelihood(self.flat(x), mean, self.log_sigma.exp())

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Any = None,
        generator: torch.Generator | None = None,
        draw: bool = False,
    ) -> Tensor:
        """n images (n, C, H, W) in [0, 1]: the decoder's means, or with draw=True draws.

        labels as in `Conditional.sample`. A Gaussian draw is clipped to [0, 1].
        """
        image = super().sample(n, labels=labels, generator=generator)
        if not draw:
            return image
        if self.settings["likelihood"] == "gaussian":
            noise = self.noise(*image.shape, generator=generator)
            return (image + self.log_sigma.exp() * noise).clamp(0, 1)
        return binarise(image, generator)
