"""Adversarial variational Bayes: a VAE whose encoder may be any sampler.

The encoder z = E(x, ε) takes noise in, so q(z | x) can have any shape, but its density is
unknown and so is the KL. A third network finds the ratio: T(x, z) learns to tell pairs with
z ~ q(z | x) from pairs with z ~ p(z), and at its best T* = log q(z | x) − log p(z), whose mean
under q is the KL (lesson 02's D* once more). Only at its best: with a T that lags behind, the
objective is no bound. As q(z | x) is narrow and p(z) wide, T compares q with the Gaussian r of
its mean and variance instead, and KL(r ‖ p) is added (*adaptive contrast*). Mescheder et al.
(2017), Algorithms 1 and 2; lesson 08.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import linear, softplus

from course_lib.errors import CourseError
from course_lib.game import Game, Move, Player, adam
from course_lib.models.conditional import SHARED
from course_lib.models.decoder import Decoder
from course_lib.models.parts.images import attentive
from course_lib.models.vae import gaussian_kl

MOMENTS = 64  # draws behind the mean and variance that `encode` states


class AVB(Decoder):
    """A VAE with an implicit posterior. Settings: see `Decoder` and `Conditional`.

    epsilon   length of ε, what the encoder is random by
    contrast  draws behind the mean and variance of r(z | x), 2 or more; 0: no r, T compares q
              with the prior
    t_lr      T's rate; T should be quicker than what it follows
    """

    recipes: ClassVar = {
        "course": SHARED
        | {
            "classes": 0,
            "likelihood": "binarised",
            "sigma": None,
            "latent": 8,
            "epsilon": 16,
            "contrast": 32,
            "lr": 3e-4,
            "t_lr": 2e-3,
        }
    }

    def networks(self) -> None:
        s = self.settings
        if not (s["contrast"] == 0 or s["contrast"] >= 2):
            raise CourseError(f"contrast is 0, or 2 draws or more, not {s['contrast']!r}.")
        if not s["t_lr"] > 0:
            raise CourseError(f"t_lr must be positive, not {s['t_lr']!r}.")
        self.encoder = attentive(self.reader(s["latent"], self.condition.size + s["epsilon"]))
        self.critic = attentive(self.reader(1, self.condition.size + 2 * s["latent"]))

    def coded(self, x: Tensor, vector: Tensor, epsilon: Tensor) -> Tensor:
        """E(x, ε): draws of q(z | x, c), of x (B, C, H, W) in [−1, 1].

        epsilon (…, B, epsilon) → (…, B, latent): many draws at the price of reading x once.
        """
        first, bend = self.encoder.hidden
        told = torch.cat([self.encoder.trunk(x), vector], 1)
        heard = told.shape[1]
        before = linear(told, first.weight[:, :heard], first.bias)
        return self.encoder.head(bend(before + linear(epsilon, first.weight[:, heard:])))

    def ratio(self, x: Tensor, vector: Tensor, z: Tensor) -> Tensor:
        """T(x, z), an estimate of log q(z | x, c) − log r(z | x, c), (B,) nats.

        z (B, latent) in units of r: less its mean, by its width. With contrast 0 r is the prior.
        T also sees z²: between two Gaussians the ratio is quadratic in z.
        """
        return self.critic(x, torch.cat([vector, z, z.square()], 1)).squeeze(1)

    def game(self, rounds: int | None = None) -> Game:
        """One move of two players: encoder with decoder, and T."""
        s, betas = self.settings, tuple(self.settings["betas"])
        own = [*self.encoder.parameters(), *self.decoding()]
        vae = Player("VAE", own, adam(s["lr"], betas))
        T = Player("T", self.critic.parameters(), adam(s["t_lr"], betas))

        def losses(source):
            x, vector = self.prepared(source)
            seen = self.seen(x)
            noise = source.normal(len(x), 1 + s["contrast"], s["epsilon"]).transpose(0, 1)
            z, *others = self.coded(seen, vector, noise)
            terms = {"reconstruction": -self.log_p_x(x, z, vector).mean()}
            if others:
                var, mean = torch.var_mean(torch.stack(others), 0)
                terms["moments"] = gaussian_kl(mean, var.log()).mean()
                z = (z - mean) / var.sqrt()
            ratio = self.ratio(seen, vector, z)
            prior = self.ratio(seen, vector, source.normal(*z.shape))
            return {
                "VAE": terms | {"kl": ratio.mean()},
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
