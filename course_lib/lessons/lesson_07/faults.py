"""Three objectives of lesson 07, of which two have a fault. Diagnose before you read on.

Each takes a VAE, images (B, C, H, W), noise, and the training's progress from 0 to 1.
"""

from __future__ import annotations

import math

from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.models import VAE
from course_lib.models.vae import gaussian_kl


def _lea(vae: VAE, x: Tensor, noise: Tensor, progress: float) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    sigma = vae.log_sigma.exp()
    squares = ((x.flatten(1) - vae.mean_given(z)) / sigma).square()
    reconstruction = -0.5 * (squares + math.log(2 * math.pi) + 2 * sigma.log()).sum(1)
    weight = min(1.0, progress / 20)
    return reconstruction - weight * gaussian_kl(mean, log_var)


def _max(vae: VAE, x: Tensor, noise: Tensor, progress: float) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    sigma = vae.log_sigma.exp()
    squares = ((x.flatten(1) - vae.mean_given(z)) / sigma).square()
    reconstruction = -0.5 * (squares + math.log(2 * math.pi) + 2 * sigma.log()).sum(1)
    weight = min(1.0, progress / 0.2)
    return reconstruction - weight * gaussian_kl(mean, log_var)


def _nia(vae: VAE, x: Tensor, noise: Tensor, progress: float) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    sigma = vae.log_sigma.exp()
    squares = ((x.flatten(1) - vae.mean_given(z)) / sigma).square()
    reconstruction = -0.5 * squares.sum(1)
    weight = min(1.0, progress / 0.2)
    return reconstruction - weight * gaussian_kl(mean, log_var)


faults = Faults({"Lea": _lea, "Max": _max, "Nia": _nia})
