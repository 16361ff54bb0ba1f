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
from course_lib.game import Move, Player, adam
from course_lib.models.conditional import LatentVariableModel
from course_lib.models.parts.images import rescale_condition_weights
from course_lib.models.parts.likelihoods import gaussian_kl
from course_lib.models.settings import number, whole

MOMENTS = 64  # draws behind the mean and variance that `encode` states


class AVB(LatentVariableModel):
    """A VAE with an implicit posterior; T should be quicker than what it follows."""

    declared: ClassVar = LatentVariableModel.declared | {
        "epsilon": whole(16, "length of ε, what the encoder is random by"),
        "contrast": whole(
            32, "draws behind r's mean and variance; 0: T compares with the prior", "[0, 10000]"
        ),
        "t_lr": number(2e-3, "T's own rate", "(0, inf)"),
    }
    recipes: ClassVar = {"course": {"latent": 8, "lr": 3e-4}}

    def networks(self) -> None:
        s = self.settings
        if s["contrast"] == 1:
            raise CourseError("contrast is 0, or 2 draws or more: one draw has no variance.")
        size = self.condition.size
        self.encoder = rescale_condition_weights(self.reader(s["latent"], size + s["epsilon"]))
        self.critic = rescale_condition_weights(self.reader(1, size + 2 * s["latent"]))

    def coded(self, x: Tensor, condition: Tensor, epsilon: Tensor) -> Tensor:
        """E(x, ε): draws of q(z | x, c), of x (B, C, H, W) in [−1, 1].

        epsilon (…, B, epsilon) → (…, B, latent): many draws at the price of reading x once.
        """
        first, bend = self.encoder.hidden
        told = torch.cat([self.encoder.trunk(x), condition], 1)
        heard = told.shape[1]
        before = linear(told, first.weight[:, :heard], first.bias)
        return self.encoder.head(bend(before + linear(epsilon, first.weight[:, heard:])))

    def ratio(self, x: Tensor, condition: Tensor, z: Tensor) -> Tensor:
        """T(x, z), an estimate of log q(z | x, c) − log r(z | x, c), (B,) nats.

        z (B, latent) in units of r: less its mean, by its width. With contrast 0 r is the prior.
        T also sees z²: between two Gaussians the ratio is quadratic in z.
        """
        return self.critic(x, torch.cat([condition, z, z.square()], 1)).squeeze(1)

    def moves(self, rounds: int) -> list[Move]:
        """One move of two players: encoder with decoder, and T."""
        s, betas = self.settings, self.settings["betas"]
        own = [*self.encoder.parameters(), *self.decoding()]
        vae = Player("VAE", own, adam(s["lr"], betas))
        T = Player("T", self.critic.parameters(), adam(s["t_lr"], betas))

        def losses(source):
            x, _, condition = self.training_batch(source)
            seen = self.seen(x)
            noise = source.normal(len(x), 1 + s["contrast"], s["epsilon"]).transpose(0, 1)
            z, *others = self.coded(seen, condition, noise)
            terms = {"reconstruction": -self.log_p_x(x, z, condition).mean()}
            if others:
                var, mean = torch.var_mean(torch.stack(others), 0)
                terms["moments"] = gaussian_kl(mean, var.log()).mean()
                z = (z - mean) / var.sqrt()
            ratio = self.ratio(seen, condition, z)
            prior = self.ratio(seen, condition, source.normal(*z.shape))
            return {
                "VAE": terms | {"kl": ratio.mean()},
                "T": {"posterior": softplus(-ratio).mean(), "prior": softplus(prior).mean()},
            }

        return [Move([vae, T], losses)]

    @torch.no_grad()
    def code(self, x: Tensor, labels: Any, generator: torch.Generator | None) -> Tensor:
        x, condition = self.seen(x), self.conditions(labels, len(x))
        epsilon = self.noise(len(x), self.settings["epsilon"], generator=generator)
        with self.averaged():
            return self.coded(x, condition, epsilon)

    @torch.no_grad()
    def encode(self, x: Tensor, condition: Any = None) -> tuple[Tensor, Tensor]:
        """Mean and log variance of 64 draws of q(z | x, c), which has no closed form.

        The draws use noise of their own, always the same.
        """
        generator = torch.Generator().manual_seed(0)
        draws = torch.stack([self.code(x, condition, generator) for _ in range(MOMENTS)])
        return draws.mean(0), draws.var(0).log()
