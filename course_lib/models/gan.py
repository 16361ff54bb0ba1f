"""Generative adversarial networks: G turns noise into examples, D tells them from data.

Derived in lesson 02. Everything is computed with D's *logit* ℓ, D(x) = σ(ℓ(x)): −log D(x) is
softplus(−ℓ) and −log(1 − D(x)) is softplus(ℓ), exact where a sigmoid followed by a logarithm
has long lost its gradient. Source: Goodfellow et al. (2014); settings of report A, section 4.1.
The variants of lesson 05 (critics, two time scales, averaged weights) are settings of the same
game. `DCGAN` plays it with other networks.
"""

from __future__ import annotations

import math
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError
from course_lib.game import Move, Player, adam
from course_lib.models.model import Model, decoder, mlp
from course_lib.models.parts import critics
from course_lib.models.parts.averages import AVERAGE
from course_lib.models.parts.computing import evaluating, in_parts
from course_lib.models.parts.critics import OBJECTIVES, discriminator_loss, generator_loss
from course_lib.models.settings import BETAS, COMMON, choice, number, whole

__all__ = ["GAN", "OBJECTIVES", "discriminator_loss", "generator_loss"]

ORDERS = ("alternating", "simultaneous")
OPTIMISERS = {"Adam": adam, "RMSprop": lambda lr, betas: partial(torch.optim.RMSprop, lr=lr)}

# How a game of two is played.
PLAY = {
    "latent": whole(64, "length of z ~ N(0, I)", search=(16, 32, 64, 128)),
    "objective": choice("non-saturating", critics.LOSSES, "what D and G descend"),
    "critic": choice("free", critics.CRITICS, "how D's slope is bounded"),
    "weight_clip": number(0.01, 'largest weight of D with critic="clipped"', "(0, inf)"),
    "penalty": number(10.0, 'weight of the gradients with critic="penalised"', "(0, inf)"),
    "k": whole(1, "moves of D a round", "[1, 1000]"),
    "order": choice("alternating", ORDERS, "D, then G against the new D; or both at a time"),
    "optimiser": choice("Adam", OPTIMISERS, "of both; RMSprop has no betas"),
    "lr": number(2e-4, "learning rate of both", "(0, inf)", search="[5e-5, 5e-3]"),
    "d_lr": number(None, "D's own rate (two time scales)", "(0, inf)", also=(None,)),
    "betas": number((0.9, 0.999), "of Adam", "[0, 1)", many=2, search=BETAS),
    "average": AVERAGE,
}

REPORT = {"batch": 100, "rounds": 120_000}
# A shorter memory and a larger step: readable digits in 6,000 rounds instead of smudges.
COURSE = REPORT | {"betas": (0.5, 0.999), "lr": 5e-4}


class GAN(Model):
    """The GAN of report A, section 4.1 (A1): two multi-layer perceptrons.

    Images come out of a tanh, points of the plane out of nothing. In "simultaneous" play both
    step from the same state, so D's pass over the fakes serves both (k = 1). Recipes "wgan",
    "wgan-gp" and "sn-gan" are those of the papers on these networks.
    """

    declared: ClassVar = (
        COMMON
        | PLAY
        | {
            "hidden": whole(
                (256, 256),
                "widths of G's layers, in reverse of D's",
                many=True,
                search=((128, 128), (256, 256), (512, 512)),
            )
        }
    )
    recipes: ClassVar = {
        "report": REPORT,
        "course": COURSE,
        "wgan": COURSE | critics.WGAN,
        "wgan-gp": COURSE | critics.WGAN_GP,
        "sn-gan": COURSE | critics.SN_GAN,
    }

    def build(self) -> None:
        s = self.settings
        if s["order"] == "simultaneous" and s["k"] != 1:
            raise CourseError(
                'In simultaneous play both move once a round: order="simultaneous" wants k=1, '
                f"not {s['k']}."
            )
        self.networks()
        if s["critic"] == "spectral":
            critics.normalise_spectrally(self.discriminator)

    def networks(self) -> None:
        """Make `self.generator` and `self.discriminator`."""
        s, size = self.settings, math.prod(self.shape)
        self.generator = mlp([s["latent"], *s["hidden"], size])
        if self.images:
            self.generator.append(nn.Tanh())
        self.discriminator = mlp(
            [size, *reversed(s["hidden"]), 1], nn.LeakyReLU, negative_slope=0.2
        )

    @property
    def images(self) -> bool:
        """Whether examples are images, which the networks see in [−1, 1]."""
        return len(self.shape) == 3

    def seen(self, x: Tensor) -> Tensor:
        """Examples as the networks see them: flat, images rescaled from [0, 1] to [−1, 1]."""
        return 2 * self.flat(x) - 1 if self.images else self.flat(x)

    def score(self, x: Tensor) -> Tensor:
        """D's logits or scores (B,) of images x (B, C, H, W) in [0, 1], or of points (B, 2).

        D computes in evaluation mode, so each depends on its own example alone.
        """

        def part(x: Tensor) -> Tensor:
            return self.discriminator(self.seen(x)).squeeze(1)

        with evaluating(self.discriminator):
            return in_parts(part, self.at_once, x)

    def generate(self, z: Tensor) -> Tensor:
        """G(z) with gradients and G's own weights: z (B, latent) → examples as `decode` gives.

        G computes in evaluation mode: batch norm by its running averages, each by its z alone.
        """
        with evaluating(self.generator):
            x = in_parts(self.generator, self.at_once, z)
        x = (x + 1) / 2 if self.images else x
        return x.view(len(z), *self.shape)

    @decoder
    def decode(self, z: Tensor, condition: Tensor) -> Tensor:
        """z (B, latent) → images (B, C, H, W) in [0, 1], or points (B, 2)."""
        return self.generate(z)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's outputs (B,) for both as the networks see them, in one pass."""
        joint = self.discriminator(torch.cat([real, fake])).squeeze(1)
        return joint.split(len(real))

    def moves(self, rounds: int) -> list[Move]:
        """k moves of D, then one of G; D's last fakes and their graph serve G too.

        Or one move of both ("simultaneous").
        """
        s = self.settings
        d_loss, g_loss = critics.LOSSES[s["objective"]]
        make = OPTIMISERS[s["optimiser"]]
        D = Player("D", self.discriminator.parameters(), make(s["d_lr"] or s["lr"], s["betas"]))
        G = Player("G", self.generator.parameters(), make(s["lr"], s["betas"]))
        if s["critic"] == "clipped":
            D.project = partial(critics.clip_weights, D.parameters, s["weight_clip"])
        held: list[Tensor] = []

        def judged(source):
            real = self.seen(source.batch().x)
            fake = self.generator(source.normal(len(real), s["latent"]))
            on_real, on_fake = self.judge(real, fake)
            losses = d_loss(on_real, on_fake)
            if s["critic"] == "penalised":
                losses["penalty"] = s["penalty"] * critics.gradient_penalty(
                    self.discriminator, real, fake, source.uniform(len(real))
                )
            return losses, fake, on_fake

        def discriminate(source):
            losses, fake, _ = judged(source)
            held[:] = [fake]
            return {"D": losses}

        def generate(source):
            return {"G": {"fake": g_loss(self.discriminator(held.pop()).squeeze(1))}}

        def both(source):
            losses, _, on_fake = judged(source)
            return {"D": losses, "G": {"fake": g_loss(on_fake)}}

        if s["order"] == "simultaneous":
            return [Move([D, G], both)]
        return [Move([D], discriminate, times=s["k"]), Move([G], generate)]
