"""Conditional VAE: a bound on log p(x | c), with the label at encoder *and* decoder.

One change against lesson 06: every distribution is given c, so ELBO(x | c) = E_q log p(x | z, c)
− KL(q(z | x, c) ‖ p(z)). The decoder gets c because z need not say it then; the encoder gets it
because the posterior p(z | x, c) depends on it. Sohn et al. (2015); lesson 08.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.game import Move, Player, adam
from course_lib.models.conditional import LatentVariableModel
from course_lib.models.parts.bounds import Bounds
from course_lib.models.parts.computing import full_precision
from course_lib.models.parts.images import rescale_condition_weights
from course_lib.models.parts.likelihoods import gaussian_kl


class CVAE(Bounds, LatentVariableModel):
    """The conditional VAE."""

    recipes: ClassVar = {"course": {"classes": 10, "lr": 1e-3, "latent": 8}}

    def networks(self) -> None:
        super().networks()
        latent, length = self.settings["latent"], self.condition.length
        rescale_condition_weights(self.generator, latent, length)

    @full_precision
    def terms(self, x: Tensor, condition: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The ELBO's two terms at z = mean + σ·noise, each (B,) nats, x in [0, 1]."""
        mean, log_var = self.posterior(self.seen(x), condition)
        z = mean + (0.5 * log_var).exp() * noise
        return {
            "reconstruction": self.log_p_x(x, z, condition),
            "kl": gaussian_kl(mean, log_var),
        }

    def moves(self, rounds: int) -> list[Move]:
        """One move of one player, who minimises −ELBO."""
        s = self.settings
        own = [*self.encoder.parameters(), *self.decoding()]
        player = Player("CVAE", own, adam(s["lr"], s["betas"]))

        def losses(source):
            x, _, condition = self.training_batch(source)
            found = self.terms(x, condition, source.normal(len(x), s["latent"]))
            reconstruction, kl = -found["reconstruction"].mean(), found["kl"].mean()
            return {"CVAE": {"reconstruction": reconstruction, "kl": kl}}

        return [Move([player], losses)]

    def elbo_terms(
        self, x: Tensor, generator: torch.Generator | None = None, labels: Any = None
    ) -> dict[str, Tensor]:
        """`terms` of images x (B, C, H, W) in [0, 1] with their labels, one z each."""
        condition = self.conditions(labels, len(x))
        noise = self.noise(len(x), self.settings["latent"], generator=generator)
        with self.in_use():
            return self.terms(x, condition, noise)

    def log_p(self, x: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        n = len(z)
        x, condition = x.view(-1, *self.shape).repeat(n, 1, 1, 1), condition.repeat(n, 1)
        return self.log_p_x(x, z.flatten(0, 1), condition).view(n, -1)
