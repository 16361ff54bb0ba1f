"""Conditional VAE: a bound on log p(x | c), with the label at encoder *and* decoder.

One change against lesson 06: every distribution is given c, so ELBO(x | c) = E_q log p(x | z, c)
− KL(q(z | x, c) ‖ p(z)). The decoder gets c because z need not say it then; the encoder gets it
because the posterior p(z | x, c) depends on it. Sohn et al. (2015); lesson 08.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.game import Game, Move, Player, adam
from course_lib.models.conditional import PART, SHARED
from course_lib.models.decoder import Decoder
from course_lib.models.model import evaluating
from course_lib.models.parts.images import obedient
from course_lib.models.vae import gaussian_kl, log_normal


class CVAE(Decoder):
    """The conditional VAE. Settings: see `Decoder` and `Conditional`."""

    recipes: ClassVar = {
        "course": SHARED | {"likelihood": "binarised", "sigma": None, "lr": 1e-3, "latent": 8}
    }

    def networks(self) -> None:
        super().networks()
        obedient(self.generator, self.settings["latent"], self.condition.length)

    def terms(self, x: Tensor, vector: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The ELBO's two terms at z = mean + σ·noise, each (B,) nats, x in [0, 1]."""
        mean, log_var = self.posterior(self.seen(x), vector)
        z = mean + (0.5 * log_var).exp() * noise
        return {"reconstruction": self.log_p_x(x, z, vector), "kl": gaussian_kl(mean, log_var)}

    def game(self, rounds: int | None = None) -> Game:
        """One move of one player, who minimises −ELBO."""
        s = self.settings
        own = [*self.encoder.parameters(), *self.decoding()]
        player = Player("CVAE", own, adam(s["lr"], tuple(s["betas"])))

        def losses(source):
            x, vector = self.prepared(source)
            found = self.terms(x, vector, source.normal(len(x), s["latent"]))
            reconstruction, kl = -found["reconstruction"].mean(), found["kl"].mean()
            return {"CVAE": {"reconstruction": reconstruction, "kl": kl}}

        return Game([Move([player], losses)], after=self.after)

    def elbo_terms(
        self, x: Tensor, generator: torch.Generator | None = None, labels: Any = None
    ) -> dict[str, Tensor]:
        """`terms` of images x (B, C, H, W) in [0, 1] with their labels, one z each."""
        x, vector = x.to(**self.place), self.told(labels, len(x))
        noise = self.noise(len(x), self.settings["latent"], generator=generator)
        with self.averaged(), evaluating(self.generator):
            return self.terms(x, vector, noise)

    def elbo(
        self, x: Tensor, generator: torch.Generator | None = None, labels: Any = None
    ) -> Tensor:
        """A one-sample estimate of the bound on log p(x | c), (B,) nats per image.

        x (B, C, H, W) in [0, 1], already binarised or dequantised.
        """
        found = self.elbo_terms(x, generator, labels)
        return found["reconstruction"] - found["kl"]

    @torch.no_grad()
    def log_likelihood(
        self,
        x: Tensor,
        k: int = 500,
        generator: torch.Generator | None = None,
        labels: Any = None,
    ) -> Tensor:
        """The importance-weighted bound on log p(x | c) with k samples, (B,) nats."""
        if not (isinstance(k, int) and k >= 1):
            raise CourseError(f"Expected k importance samples, k = 1, 2, …; got {k!r}.")
        x, vector = x.to(**self.place), self.told(labels, len(x))
        weights = []
        with self.averaged(), evaluating(self.generator):
            mean, log_var = self.posterior(self.seen(x), vector)
            at_once = max(1, PART // len(x))
            for first in range(0, k, at_once):
                n = min(at_once, k - first)
                z = self.noise(n, *mean.shape, generator=generator)
                z = (mean + (0.5 * log_var).exp() * z).flatten(0, 1)
                q = [t.repeat(n, 1) for t in (mean, log_var)]
                log_p = self.log_p_x(x.repeat(n, 1, 1, 1), z, vector.repeat(n, 1))
                weight = log_p + log_normal(z) - log_normal(z, *q)
                weights.append(weight.view(n, len(x)))
        return torch.cat(weights).logsumexp(0) - math.log(k)
