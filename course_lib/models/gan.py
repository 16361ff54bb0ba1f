"""Generative adversarial networks: G turns noise into examples, D tells them from data.

Derived in lesson 02. Everything is computed with D's *logit* ℓ, D(x) = σ(ℓ(x)): −log D(x) is
softplus(−ℓ) and −log(1 − D(x)) is softplus(ℓ), exact where a sigmoid followed by a logarithm
has long lost its gradient. Source: Goodfellow et al. (2014); settings of report A, section 4.1.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from course_lib.errors import unknown
from course_lib.models.base import Model, mlp
from course_lib.training.game import Game, Move, Player, adam

OBJECTIVES = ("non-saturating", "saturating")


def discriminator_loss(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """D's loss −E log D(x) − E log(1 − D(G(z))), as its two terms.

    real, fake: (B,) logits of data and of G's examples. Each term ≥ 0, in nats. (2.1)
    """
    return {"real": softplus(-real).mean(), "fake": softplus(fake).mean()}


def generator_loss(fake: Tensor, objective: str = "non-saturating") -> Tensor:
    """G's loss from the logits (B,) of its own examples, in nats.

    "saturating": E log(1 − D(G(z))), the minimax value, ≤ 0. "non-saturating":
    −E log D(G(z)), ≥ 0: same fixed point, a gradient that does not vanish while D wins.
    """
    if objective == "saturating":
        return -softplus(fake).mean()
    if objective == "non-saturating":
        return softplus(-fake).mean()
    raise unknown("generator objective", objective, OBJECTIVES)


class GAN(Model):
    """The GAN of report A, section 4.1 (A1): two multi-layer perceptrons.

    shape      of one example; images come out of a tanh, points of the plane out of nothing
    latent     length of z ~ N(0, I)
    hidden     widths of G's hidden layers, and in reverse of D's
    objective  "non-saturating" or "saturating"
    k          moves of D a round
    lr, betas  of both Adams; batch, rounds (at full budget), seed (of the first weights)
    """

    recipes: ClassVar = {
        "report": {
            "shape": (1, 28, 28),
            "latent": 64,
            "hidden": (256, 256),
            "objective": "non-saturating",
            "k": 1,
            "lr": 2e-4,
            "betas": (0.9, 0.999),
            "batch": 100,
            "rounds": 120_000,
            "seed": 0,
        },
    }
    # A shorter memory and a larger step: readable digits in 6,000 rounds instead of smudges.
    recipes["course"] = {**recipes["report"], "betas": (0.5, 0.999), "lr": 5e-4}

    def build(self) -> None:
        s = self.settings
        if s["objective"] not in OBJECTIVES:
            raise unknown("generator objective", s["objective"], OBJECTIVES)
        size = torch.Size(self.shape).numel()
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
        """D's logits (B,) of images x (B, C, H, W) in [0, 1], or of points (B, 2)."""
        return self.discriminator(self.seen(x)).squeeze(1)

    def generate(self, z: Tensor) -> Tensor:
        """z (B, latent) → images (B, C, H, W) in [0, 1], or points (B, 2)."""
        x = self.generator(z)
        x = (x + 1) / 2 if self.images else x
        return x.view(len(z), *self.shape)

    def game(self, rounds: int | None = None) -> Game:
        """k moves of D, then one of G; D's last fakes and their graph serve G too."""
        s = self.settings
        D = Player("D", self.discriminator.parameters(), adam(s["lr"], tuple(s["betas"])))
        G = Player("G", self.generator.parameters(), adam(s["lr"], tuple(s["betas"])))
        held: list[Tensor] = []

        def discriminate(draw):
            real = self.seen(draw.batch().x)
            fake = self.generator(draw.normal(len(real), s["latent"]))
            held[:] = [fake]
            logits = self.discriminator(torch.cat([real, fake])).squeeze(1)
            return {"D": discriminator_loss(*logits.split(len(real)))}

        def generate(draw):
            logits = self.discriminator(held.pop()).squeeze(1)
            return {"G": {"fake": generator_loss(logits, s["objective"])}}

        return Game([Move([D], discriminate, times=s["k"]), Move([G], generate)])

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """n draws: images (n, C, H, W) in [0, 1], or points (n, 2)."""
        self.unconditional(labels)
        return self.generate(self.noise(n, self.settings["latent"], generator=generator))
