"""Bounds on log p(x | c) of a latent-variable model, by one draw of z or by many.

E log (1/k) Σ p(x, z_i | c)/q(z_i | x, c) with z_i ~ q grows with k and is tight in the limit;
k = 1 is the ELBO (Burda et al. 2016). Lesson 07 derives it; a VAE and a conditional one share it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.errors import whole_number
from course_lib.models.parts.computing import full_precision
from course_lib.models.parts.likelihoods import log_normal
from course_lib.pixels import require_floats


class Bounds:
    """What a model gets that has `encode`, `elbo_terms` and `log_p(x, z, condition)`.

    log_p: log p(x | z, c) of x (B, …) and z (k, B, latent) → (k, B) nats.
    """

    def decodings(self) -> int:
        """How many codes are decoded at once."""
        return 256

    def elbo(
        self, x: Tensor, generator: torch.Generator | None = None, labels: Any = None
    ) -> Tensor:
        """A one-sample estimate of the evidence lower bound, (B,) nats per image.

        x (B, C, H, W) in [0, 1], already binarised or dequantised where the likelihood asks.
        """
        require_floats(x)
        found = self.elbo_terms(x, generator, labels)
        return found["reconstruction"] - found["kl"]

    @torch.no_grad()
    @full_precision
    def log_likelihood(
        self,
        x: Tensor,
        k: int = 500,
        generator: torch.Generator | None = None,
        labels: Any = None,
    ) -> Tensor:
        """The importance-weighted bound on log p(x | c) with k samples, (B,) nats; x as `elbo`."""
        k = whole_number("k, the number of importance samples,", k)
        require_floats(x)
        condition, at_once = (
            self.conditions(labels, len(x)),
            max(1, self.decodings() // max(1, len(x))),
        )
        weights = []
        with self.in_use():
            mean, log_var = self.encode(x, labels)
            for first in range(0, k, at_once):
                n = min(at_once, k - first)
                noise = self.noise(n, *mean.shape, generator=generator)
                z = mean + (0.5 * log_var).exp() * noise
                weights.append(self.log_weights(x, z, mean, log_var, condition))
        return torch.cat(weights).logsumexp(0) - math.log(k)

    @full_precision
    def importance_bound(self, x: Tensor, noise: Tensor, seen: Tensor | None = None) -> Tensor:
        """The same at noise (k, B, latent) and without a condition, (B,) nats, to be trained."""
        mean, log_var = self.encode(x if seen is None else seen)
        z = mean + (0.5 * log_var).exp() * noise
        return self.log_weights(x, z, mean, log_var).logsumexp(0) - math.log(len(noise))

    def log_weights(
        self,
        x: Tensor,
        z: Tensor,
        mean: Tensor,
        log_var: Tensor,
        condition: Tensor | None = None,
    ) -> Tensor:
        """log p(x, z | c) − log q(z | x, c) of z (k, B, latent), (k, B) nats."""
        return self.log_p(x, z, condition) + log_normal(z) - log_normal(z, mean, log_var)
