"""Three objectives of lesson 06, of which two have a fault. Diagnose before you read on."""

from __future__ import annotations

from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.models import VAE
from course_lib.models.vae import bernoulli_log_likelihood, gaussian_kl


def _ada(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    reconstruction = bernoulli_log_likelihood(x.flatten(1), vae.logits(z)) / 784
    return reconstruction - gaussian_kl(mean, log_var)


def _ben(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean
    reconstruction = bernoulli_log_likelihood(x.flatten(1), vae.logits(z))
    return reconstruction - gaussian_kl(mean, log_var)


def _cleo(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
    mean, log_var = vae.encode(x)
    z = mean + (0.5 * log_var).exp() * noise
    reconstruction = bernoulli_log_likelihood(x.flatten(1), vae.logits(z))
    return reconstruction - gaussian_kl(mean, log_var)


faults = Faults({"Ada": _ada, "Ben": _ben, "Cleo": _cleo})
