"""DCGAN: a GAN whose networks are convolutional, by the rules of Radford et al. (2016).

Lesson 04 derives why each rule is there. The game is the GAN's; only where D has batch norm are
its real and its fake batch judged apart, for normalised together each image's verdict would
tell how many others are fake. Settings of reports A (A2, A3) and B (B1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from course_lib.errors import CourseError, unknown
from course_lib.models.gan import GAN, PLAY
from course_lib.models.model import evaluating
from course_lib.models.parts import convolutions, critics

PART = 256  # images at once when many are wanted


class DCGAN(GAN):
    """A convolutional GAN for square images of 28, 32, 64 … pixels (4·2ⁿ or 7·2ⁿ).

    shape    (C, H, W) of one image
    latent   length of z ~ N(0, I)
    width    channels of the layer next to the image; each step towards z doubles them
    norm     where batch norm is. "dcgan": everywhere but at G's output, D's input and D's
             output; "everywhere": there too, but at the logit (E05); "generator": in G as in
             "dcgan", not in D; "none"
    up       G's steps: "transposed" convolutions, or "dense" (report A on digits)
    down     D's steps: "strided" convolutions, or "pooling"
    dense    width of a fully connected hidden layer in D, or 0
    slope    of D's leaky ReLU; 0: ReLU
    init     "dcgan": N(0, .02²) for weights, N(1, .02²) for batch-norm scales; "torch"
    and how the game is played: see `GAN`.

    Recipes: "course" (28×28), "report" (64×64 in colour: A3, B1), "a2" (what report A's code
    calls a DCGAN), and the course's with a critic: "wgan", "wgan-gp", "sn-gan".
    """

    least: ClassVar = GAN.least | {"dense": 0}
    recipes: ClassVar = {
        # B1 has the same networks and 100 epochs of CelebA.
        "report": {
            **PLAY,
            "shape": (3, 64, 64),
            "latent": 100,
            "width": 64,
            "norm": "dcgan",
            "up": "transposed",
            "down": "strided",
            "dense": 0,
            "slope": 0.2,
            "init": "dcgan",
            "betas": (0.5, 0.999),
            "batch": 128,
            "rounds": 50 * 216,
            "seed": 0,
        },
    }
    # At 2e-4 digits take several times as many rounds to the same Fréchet distance.
    recipes["course"] = recipes["report"] | {
        "shape": (1, 28, 28),
        "width": 32,
        "lr": 1e-3,
        "batch": 64,
        "rounds": 20_000,
    }
    # k = 3 is in report A's code only. Of its biases, those beside a batch norm are left out.
    recipes["a2"] = recipes["course"] | {
        "norm": "generator",
        "up": "dense",
        "down": "pooling",
        "dense": 1024,
        "init": "torch",
        "k": 3,
        "lr": 3e-4,
        "betas": (0.9, 0.999),
        "batch": 128,
        "rounds": 100 * 468,
    }
    recipes["wgan"] = recipes["course"] | critics.WGAN
    recipes["wgan-gp"] = recipes["course"] | critics.WGAN_GP | {"norm": "generator"}
    recipes["sn-gan"] = recipes["course"] | critics.SN_GAN | {"norm": "generator"}

    def networks(self) -> None:
        s = self.settings
        for name, known in (
            ("norm", convolutions.NORMS),
            ("up", convolutions.UPS),
            ("down", convolutions.DOWNS),
            ("init", convolutions.INITS),
        ):
            if s[name] not in known:
                raise unknown(name, s[name], known)
        if not 0 <= s["slope"] < 1:
            raise CourseError(f"slope must be in [0, 1), not {s['slope']!r}.")
        self.generator = convolutions.generator(
            self.shape, s["latent"], s["width"], norm=s["norm"], up=s["up"]
        )
        self.discriminator = convolutions.discriminator(
            self.shape,
            s["width"],
            norm=s["norm"],
            down=s["down"],
            dense=s["dense"],
            slope=s["slope"],
        )
        self.apart = convolutions.normalises(self.discriminator)
        if self.apart and s["critic"] == "penalised":
            raise CourseError(
                "The gradient penalty is about each image alone, and batch norm in D mixes "
                f'them: with critic="penalised" choose norm="generator", not {s["norm"]!r}.'
            )
        if s["init"] == "dcgan":
            convolutions.initialise(self)
        self.to(memory_format=torch.channels_last)

    def seen(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] as the networks see them: rescaled to [−1, 1]."""
        return super().seen(x).view(-1, *self.shape)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's outputs (B,) for both; where D has batch norm, each batch normalised apart."""
        if not self.apart:
            return super().judge(real, fake)
        return self.discriminator(real).squeeze(1), self.discriminator(fake).squeeze(1)

    def score(self, x: Tensor) -> Tensor:
        """D's logits or scores (B,) of images x (B, C, H, W) in [0, 1], in evaluation mode."""
        return _in_parts(super().score, x)

    def generate(self, z: Tensor) -> Tensor:
        """z (B, latent) → images (B, C, H, W) in [0, 1]; each depends on its own z alone.

        G computes in evaluation mode: batch norm by its running averages, whatever the batch.
        """
        return _in_parts(super().generate, z)

    def features(self, x: Tensor) -> Tensor:
        """What D's convolutions see in images x (B, C, H, W) in [0, 1], for a linear probe.

        Each convolutional layer's output max-pooled to 4×4 and all of them in a row, as Radford
        et al. (2016), section 5.1: (B, 16·width·(2ⁿ − 1)). D computes in evaluation mode.
        """

        def part(x: Tensor) -> Tensor:
            h, found = self.seen(x), []
            for block in convolutions.trunk(self.discriminator):
                h = block(h)
                found.append(adaptive_max_pool2d(h, 4).flatten(1))
            return torch.cat(found, 1)

        with evaluating(self.discriminator):
            return _in_parts(part, x)


def _in_parts(compute: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`compute` on a few rows at a time, so that thousands fit into memory."""
    if len(x) <= PART:
        return compute(x)
    return torch.cat([compute(part) for part in x.split(PART)])
