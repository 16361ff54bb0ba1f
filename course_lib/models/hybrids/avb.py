"""Adversarial variational Bayes: a VAE whose encoder may be any sampler.

The encoder z = E(x, ε) takes noise in, so q(z | x) can have any shape, but its density is
unknown and so is the KL. A third network finds the ratio: T(x, z) learns to tell pairs with
z ~ q(z | x) from pairs with z ~ p(z), and at its best T* = log q(z | x) − log p(z), whose mean
under q is the KL (lesson 02's D* once more). Only at its best: with a T that lags behind, the
objective is no bound. Mescheder et al. (2017), Algorithm 1, without adaptive contrast; lesson 08.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_lib.errors import CourseError
from course_lib.models.hybrids.base import SHARED
from course_lib.models.hybrids.decoder import Decoder
from course_lib.training.game import Game, Move, Player, adam

MOMENTS = 64  # draws behind the mean and variance that `encode` states


class AVB(Decoder):
    """A VAE with an implicit posterior. Settings: see `Decoder` and `Conditional`.

    epsilon  length of ε, what the encoder is random by
    t_lr     T's rate; T should be quicker than what it follows
    """

    recipes: ClassVar = {
        "course": SHARED
        | {
            "classes": 0,
            "likelihood": "binarised",
            "sigma": None,
            "latent": 8,
            "epsilon": 16,
            "lr": 2e-4,
            "t_lr": 5e-4,
        }
    }

    def networks(self) -> None:
        s = self.settings
        if not (isinstance(s["epsilon"], int) and s["epsilon"] >= 1 and s["t_lr"] > 0):
            raise CourseError(
                f"epsilon is a whole number from 1 and t_lr is positive, not {s['epsilon']!r} "
                f"and {s['t_lr']!r}."
            )
        self.encoder = self.reader(s["latent"], self.condition.size + s["epsilon"])
        self.critic = self.reader(1, self.condition.size + s["latent"])

    def coded(self, x: Tensor, vector: Tensor, epsilon: Tensor) -> Tensor:
        """E(x, ε): a draw of q(z | x, c), (B, latent), of x in [−1, 1]."""
        return self.encoder(x, torch.cat([vector, epsilon], 1))

    def ratio(self, x: Tensor, vector: Tensor, z: Tensor) -> Tensor:
        """T(x, z), an estimate of log q(z | x, c) − log p(z), (B,) nats."""
        return self.critic(x, torch.cat([vector, z], 1)).squeeze(1)

    def game(self, rounds: int | None = None) -> Game:
        """One move of two players: encoder with decoder, and T."""
        s, betas = self.settings, tuple(self.settings["betas"])
        own = [*self.encoder.parameters(), *self.decoding()]
        vae = Player("VAE", own, adam(s["lr"], betas))
        T = Player("T", self.critic.parameters(), adam(s["t_lr"], betas))

        def losses(draw):
            x, vector = self.prepared(draw)
            seen = self.seen(x)
            z = self.coded(seen, vector, draw.normal(len(x), s["epsilon"]))
            ratio = self.ratio(seen, vector, z)
            prior = self.ratio(seen, vector, draw.normal(*z.shape))
            return {
                "VAE": {
                    "reconstruction": -self.log_p_x(x, z, vector).mean(),
                    "kl": ratio.mean(),
                },
                "T": {"posterior": softplus(-ratio).mean(), "prior": softplus(prior).mean()},
            }

        return Game([Move([vae, T], losses)], after=self.after)

    @torch.no_grad()
    def code(self, x: Tensor, labels: Any, generator: torch.Generator | None) -> Tensor:
        x, vector = self.seen(x.to(**self.place)), self.told(labels, len(x))
        epsilon = self.noise(len(x), self.settings["epsilon"], generator=generator)
        with self.averaged():
            return self.coded(x, vector, epsilon)

    @torch.no_grad()
    def encode(self, x: Tensor, labels: Any = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of 64 draws of q(z | x, c), which has no closed form.

        The draws use noise of their own, always the same.
        """
        generator = torch.Generator().manual_seed(0)
        draws = torch.stack([self.code(x, labels, generator) for _ in range(MOMENTS)])
        return draws.mean(0), draws.var(0).log()
