"""Lesson 06's right answers in other forms, for test_answers; and what its patients show."""

from __future__ import annotations

import math

import torch
from torch.distributions import Independent, Normal, kl_divergence

from course_lib.lessons.lesson_06 import exercises as lesson_06
from course_lib.lessons.lesson_06.faults import faults
from course_lib.models import VAE
from course_lib.models.vae import bernoulli_log_likelihood

GRID = torch.linspace(-12, 12, 8001, dtype=torch.float64)
POSTERIOR = lesson_06.POSTERIOR


def q_of(m, sd):
    return Normal(torch.tensor(m, dtype=torch.float64), torch.tensor(sd, dtype=torch.float64))


def mean_under(q, values):
    return torch.trapezoid(q.log_prob(GRID).exp() * values, GRID)


# 06.1 ----------------------------------------------------------------------------------------
def equation_3_by_quadrature(m, sd):
    q = q_of(m, sd)
    return mean_under(q, POSTERIOR.log_prob(GRID) - q.log_prob(GRID))


def equation_3_as_a_float(m, sd):
    """The closed form, with plain numbers."""
    mean, width = POSTERIOR.mean.item(), POSTERIOR.stddev.item()
    gap = math.log(width / sd) + (sd**2 + (m - mean) ** 2) / (2 * width**2) - 0.5
    return -gap


# 06.2 ----------------------------------------------------------------------------------------
def kl_of_torch(mean, log_var):
    q = Independent(Normal(mean, (log_var / 2).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    return kl_divergence(q, p)


def kl_in_a_loop(mean, log_var):
    total = 0.0
    for j in range(mean.shape[1]):
        total = total + (mean[:, j] ** 2 + log_var[:, j].exp() - 1 - log_var[:, j]) / 2
    return total


# 06.3 ----------------------------------------------------------------------------------------
def draw_by_root(mean, log_var, noise):
    return mean + torch.sqrt(torch.exp(log_var)) * noise


def draw_by_mul(mean, log_var, noise):
    return torch.addcmul(mean, noise, torch.exp(0.5 * log_var))


# 06.4 ----------------------------------------------------------------------------------------
def elbo_by_terms(vae, x, noise):
    mean, log_var = vae.encode(x)
    z = draw_by_root(mean, log_var, noise)
    return bernoulli_log_likelihood(x.flatten(1), vae.logits(z)) - kl_of_torch(mean, log_var)


def elbo_by_cross_entropy(vae, x, noise):
    mean, log_var = vae.encode(x)
    p = torch.sigmoid(vae.logits(mean + (0.5 * log_var).exp() * noise))
    flat = x.view(len(x), -1)
    log_p = torch.xlogy(flat, p) + torch.xlogy(1 - flat, 1 - p)
    kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp(), dim=1)
    return log_p.sum(1) - kl


# 06.6 ----------------------------------------------------------------------------------------
def iwae_by_shift(log_weights):
    top = log_weights.max(0).values
    return (log_weights - top).exp().mean(0).log() + top


def iwae_by_logsumexp(log_weights):
    return torch.logsumexp(log_weights, dim=0) - math.log(log_weights.shape[0])


HEALTHY = {"Ada": "mean over pixels", "Ben": "no noise", "Cleo": "healthy"}
RIGHT = [
    ("06.1", equation_3_by_quadrature),
    ("06.1", equation_3_as_a_float),
    ("06.2", kl_of_torch),
    ("06.2", kl_in_a_loop),
    ("06.3", draw_by_root),
    ("06.3", draw_by_mul),
    ("06.4", elbo_by_terms),
    ("06.4", elbo_by_cross_entropy),
    ("06.5", HEALTHY),
    ("06.5", {name: word.upper().replace(" ", "-") for name, word in HEALTHY.items()}),
    ("06.6", iwae_by_shift),
    ("06.6", iwae_by_logsumexp),
    ("06.7", 784),
    ("06.7", torch.tensor(28.0**2)),
    ("06.8", 0),
    ("06.8", torch.tensor(0.0)),
]


def test_the_patients_differ_as_the_lesson_says():
    """Ada is β = 784 up to a factor, Ben's objective ignores the noise, Cleo's is the ELBO."""
    vae = VAE("report", hidden=(16,), seed=0).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 1, 28, 28, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64)
    ada, ben, cleo = faults.values()
    terms = vae.terms(x, noise[0])
    torch.testing.assert_close(cleo(vae, x, noise[0]), terms["reconstruction"] - terms["kl"])
    beta = terms["reconstruction"] - 784 * terms["kl"]
    torch.testing.assert_close(784 * ada(vae, x, noise[0]), beta)
    torch.testing.assert_close(ben(vae, x, noise[0]), ben(vae, x, noise[1]))
    assert not torch.allclose(cleo(vae, x, noise[0]), cleo(vae, x, noise[1]))
