"""Generative adversarial networks: G turns noise into examples, D tells them from data.

Derived in lesson 02. Everything is computed with D's *logit* ℓ, D(x) = σ(ℓ(x)): −log D(x) is
softplus(−ℓ) and −log(1 − D(x)) is softplus(ℓ), exact where a sigmoid followed by a logarithm
has long lost its gradient. Source: Goodfellow et al. (2014); settings of report A, section 4.1.
The variants of lesson 05 (critics, two time scales, averaged weights) are settings of the same
game. `DCGAN` plays it with other networks.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from course_lib.errors import CourseError, unknown
from course_lib.game import Game, Move, Player, adam
from course_lib.models.model import Averaging, evaluating, is_number, mlp
from course_lib.models.parts import critics
from course_lib.models.parts.losses import (
    LOSSES,
    OBJECTIVES,
    discriminator_loss,
    generator_loss,
)

__all__ = ["GAN", "OBJECTIVES", "discriminator_loss", "generator_loss"]

# How a game of two is played when nothing else is asked for; `GAN` explains each.
PLAY: dict[str, Any] = {
    "objective": "non-saturating",
    "critic": "free",
    "weight_clip": 0.01,
    "penalty": 10.0,
    "k": 1,
    "order": "alternating",
    "optimiser": "Adam",
    "lr": 2e-4,
    "d_lr": None,
    "betas": (0.9, 0.999),
    "average": None,
}
ORDERS = ("alternating", "simultaneous")
OPTIMISERS = {
    "Adam": lambda lr, betas: adam(lr, tuple(betas)),
    "RMSprop": lambda lr, betas: partial(torch.optim.RMSprop, lr=lr),
}


class GAN(Averaging):
    """The GAN of report A, section 4.1 (A1): two multi-layer perceptrons.

    shape       of one example; images come out of a tanh, points of the plane out of nothing
    latent      length of z ~ N(0, I)
    hidden      widths of G's hidden layers, and in reverse of D's
    objective   "non-saturating", "saturating", "wasserstein" or "hinge"
    critic      how D's slope is bounded: "free" (not), "clipped" (weights within ± weight_clip),
                "penalised" (gradients, times penalty), "spectral"
    k           moves of D a round
    order       "alternating": D moves, then G against the new D; "simultaneous": both step from
                the same state, so D's pass over the fakes serves both (k = 1)
    optimiser   "Adam" or "RMSprop" (which has no betas)
    lr, betas   of both; d_lr: D's own rate (two time scales), None: lr
    average     decay of a moving average of G's weights, which samples then come from, or None
    batch, rounds (at full budget), seed (of the first weights)

    Recipes "wgan", "wgan-gp" and "sn-gan" are those of the papers on these networks.
    """

    recipes: ClassVar = {
        "report": {
            **PLAY,
            "shape": (1, 28, 28),
            "latent": 64,
            "hidden": (256, 256),
            "batch": 100,
            "rounds": 120_000,
            "seed": 0,
        },
    }
    # A shorter memory and a larger step: readable digits in 6,000 rounds instead of smudges.
    recipes["course"] = {**recipes["report"], "betas": (0.5, 0.999), "lr": 5e-4}
    recipes["wgan"] = recipes["course"] | critics.WGAN
    recipes["wgan-gp"] = recipes["course"] | critics.WGAN_GP
    recipes["sn-gan"] = recipes["course"] | critics.SN_GAN

    def build(self) -> None:
        s = self.settings
        for name, known in (
            ("objective", LOSSES),
            ("critic", critics.CRITICS),
            ("optimiser", OPTIMISERS),
            ("order", ORDERS),
        ):
            if s[name] not in known:
                raise unknown(
                    f"generator {name}" if name == "objective" else name, s[name], known
                )
        for name in ("lr", "d_lr", "weight_clip", "penalty"):
            if s[name] is not None and not (is_number(s[name]) and s[name] > 0):
                raise CourseError(f"{name} must be positive, not {s[name]!r}.")
        if s["order"] == "simultaneous" and s["k"] != 1:
            raise CourseError(
                'In simultaneous play both move once a round: order="simultaneous" wants k=1, '
                f"not {s['k']}."
            )
        self.networks()
        if s["critic"] == "spectral":
            critics.normalise_spectrally(self.discriminator)
        self.start_average()

    def networks(self) -> None:
        """Make `self.generator` and `self.discriminator`."""
        s = self.settings
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
        """D's logits or scores (B,) of images x (B, C, H, W) in [0, 1], or of points (B, 2).

        D computes in evaluation mode, so each depends on its own example alone.
        """
        with evaluating(self.discriminator):
            return self.discriminator(self.seen(x)).squeeze(1)

    def generate(self, z: Tensor) -> Tensor:
        """z (B, latent) → images (B, C, H, W) in [0, 1], or points (B, 2).

        G computes in evaluation mode, with its own weights (see `averaged`).
        """
        with evaluating(self.generator):
            x = self.generator(z)
        x = (x + 1) / 2 if self.images else x
        return x.view(len(z), *self.shape)

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """D's outputs (B,) for both as the networks see them, in one pass."""
        joint = self.discriminator(torch.cat([real, fake])).squeeze(1)
        return joint.split(len(real))

    def game(self, rounds: int | None = None) -> Game:
        """k moves of D, then one of G; D's last fakes and their graph serve G too.

        Or one move of both ("simultaneous").
        """
        s = self.settings
        d_loss, g_loss = LOSSES[s["objective"]]
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
            moves = [Move([D, G], both)]
        else:
            moves = [Move([D], discriminate, times=s["k"]), Move([G], generate)]
        return Game(moves, after=self.after)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """n draws: images (n, C, H, W) in [0, 1], or points (n, 2).

        G computes in evaluation mode, with its averaged weights where there are such.
        """
        self.unconditional(labels)
        z = self.noise(n, self.settings["latent"], generator=generator)
        with self.averaged():
            return self.generate(z)
