"""Three estimates of log p(x) for lesson 01, two with a fault. Diagnose before you read on."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_lib.checks.exercises import Faults
from course_lib.lessons.lesson_01.exercises import log_mean_exp


def run_a(model, x, K, generator):
    """Estimate log p(x), (B,) nats, with K draws of z for each x."""
    mean, log_var = model.encode(x)
    sd = 1.5 * (log_var / 2).exp()
    noise = torch.randn(K, *mean.shape, generator=generator, dtype=mean.dtype)
    z = mean + sd * noise
    log_px_z = log_normal(x, model.mean_given(z), model.variance.sqrt())
    return log_mean_exp(log_px_z)


def run_b(model, x, K, generator):
    """Estimate log p(x), (B,) nats, with K draws of z for each x."""
    mean, log_var = model.encode(x)
    sd = 1.5 * (log_var / 2).exp()
    noise = torch.randn(K, *mean.shape, generator=generator, dtype=mean.dtype)
    z = mean + sd * noise
    log_px_z = log_normal(x, model.mean_given(z), model.variance.sqrt())
    return log_mean_exp(log_px_z + log_normal(z) - log_normal(z, mean, sd))


def run_c(model, x, K, generator):
    """Estimate log p(x), (B,) nats, with K draws of z for each x."""
    mean, log_var = model.encode(x)
    sd = 1.5 * (log_var / 2).exp()
    noise = torch.randn(K, *mean.shape, generator=generator, dtype=mean.dtype)
    z = mean + sd * noise
    log_px_z = log_normal(x, model.mean_given(z), model.variance.sqrt())
    return (log_px_z + log_normal(z) - log_normal(z, mean, sd)).mean(0)


def log_normal(x: Tensor, mean: Tensor | float = 0.0, sd: Tensor | float = 1.0) -> Tensor:
    """log N(x; mean, sd²), summed over the last axis."""
    sd = torch.as_tensor(sd, dtype=x.dtype)
    square = ((x - mean) / sd).square()
    return -0.5 * (math.log(2 * math.pi) + 2 * sd.log() + square).sum(-1)


faults = Faults({"A": run_a, "B": run_b, "C": run_c})
