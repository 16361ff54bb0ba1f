"""Log-densities and divergences in closed form, of which a VAE's objective is made.

All in nats, summed over the last dimension. Derived in lesson 06; free bits and active units in
lesson 07.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from course_lib.errors import CourseError
from course_lib.models.settings import number
from course_lib.pixels import binarise

LOG_2PI = math.log(2 * math.pi)
ACTIVE = 0.01  # variance of posterior means (Burda et al. 2016)
SIGMA = number(
    None,
    "σ of Gaussian pixels, in units of their range, fixed or learned",
    "(0, inf)",
    also=(None, "learned", "per pixel"),
)


def gaussian_kls(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(m, e^v) ‖ N(0, 1)) of each latent of each image, (B, d) → (B, d) nats. (6.5)

    log_var is log σ², twice log σ.
    """
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, e^log_var) ‖ N(0, I)) of (B, d) diagonal Gaussians → (B,) nats."""
    return gaussian_kls(mean, log_var).sum(-1)


def free_bits_kl(mean: Tensor, log_var: Tensor, free: float) -> Tensor:
    """`gaussian_kl`, but a latent whose mean over the batch is below `free` nats counts as it.

    (B, d) → (B,) nats, whose mean is Σ_j max(free, mean_b KL_bj): pressing a latent below `free`
    gains nothing, so it need not collapse (Kingma et al. 2016).
    """
    each = gaussian_kls(mean, log_var)
    return torch.where(each.mean(0) > free, each, torch.full_like(each, free)).sum(-1)


def active_units(means: Tensor, minimum: float = ACTIVE) -> int:
    """How many latents say anything: those whose posterior mean varies over images by > minimum.

    means (N, latent) of q(z|x) of N images; its variance is compared with `minimum`.
    """
    return int((means.var(0) > minimum).sum())


def log_normal(z: Tensor, mean: Tensor | float = 0.0, log_var: Tensor | float = 0.0) -> Tensor:
    """log N(z; mean, e^log_var), summed over the last dimension; nats."""
    log_var = torch.as_tensor(log_var, dtype=z.dtype, device=z.device)
    return -0.5 * (LOG_2PI + log_var + (z - mean).square() / log_var.exp()).sum(-1)


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """Σ x log p + (1 − x) log(1 − p), p = σ(logits), over the last dimension; nats.

    A log-probability for x in {0, 1}. For grey x it is what report A maximises, and no density:
    its integral over [0, 1] is not 1 (lesson 06).
    """
    x = x.expand_as(logits)
    return -binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def gaussian_log_likelihood(x: Tensor, mean: Tensor, sigma: Tensor | float) -> Tensor:
    """log N(x; mean, σ²), with its ½ and its normaliser, over the last dimension; nats."""
    sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    return -0.5 * (LOG_2PI + 2 * sigma.log() + ((x - mean) / sigma).square()).sum(-1)


def log_sigma(s: dict[str, Any], size: int) -> nn.Parameter | None:
    """log σ of `size` Gaussian pixels by the settings `likelihood` and `sigma`; else None."""
    gaussian, sigma = s["likelihood"] == "gaussian", s["sigma"]
    if gaussian != (sigma is not None):
        raise CourseError(
            'A Gaussian likelihood needs sigma (a number, or "learned"), and only it does: got '
            f"likelihood={s['likelihood']!r} with sigma={sigma!r}."
        )
    if not gaussian:
        return None
    learned = isinstance(sigma, str)
    start = torch.tensor(math.log(0.2 if learned else sigma))
    start = start.expand(size).clone() if sigma == "per pixel" else start
    return nn.Parameter(start, requires_grad=learned)


class Pixels:
    """What a model gets whose settings `likelihood` and `sigma` say what p(x|z) is."""

    draws: ClassVar = False
    log_sigma: nn.Parameter | None

    def wanted(self, x: Tensor, source: Any) -> Tensor:
        """A batch x in [0, 1] as the likelihood wants it: binarised, dequantised, or grey."""
        if self.settings["likelihood"] == "binarised":
            return source.bernoulli(x)
        return source.dequantised(x) if self.settings["likelihood"] == "gaussian" else x

    def _sample(self, n: int, labels: Any, generator: Any, noise: bool = False) -> Tensor:
        """The decoder's means, or with noise=True draws; a Gaussian draw is clipped to [0, 1].

        A mean is no sample of the model, only a nicer picture.
        """
        mean = super()._sample(n, labels, generator)
        if not noise:
            return mean
        if self.log_sigma is None:
            return binarise(mean, generator)
        sigma = self.log_sigma.exp()  # one, or one a pixel
        sigma = sigma.view(mean.shape[1:]) if sigma.ndim else sigma
        return (mean + sigma * self.noise(*mean.shape, generator=generator)).clamp(0, 1)
