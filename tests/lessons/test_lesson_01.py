"""Lesson 01's right answers in other forms, for test_answers; and what its three runs show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_lib.lessons.lesson_01.faults import faults
from course_lib.models import ProbabilisticPCA

F64 = torch.float64


def kl_by_mask(p, q):
    here = p > 0
    return (p[here] * (p[here].log() - q[here].log())).sum()


def error_by_numpy(values):
    return torch.tensor(np.std(values.numpy()) / math.sqrt(len(values)))


def posterior_by_precision(x, mu, W, sigma):
    precision = torch.eye(W.shape[1], dtype=W.dtype) + W.T @ W / sigma**2
    covariance = torch.linalg.inv(precision)
    return [covariance @ W.T @ (x - mu) / sigma**2, covariance]


def log_mean_exp_by_hand(a):
    top = a.max(0).values
    return top + (a - top).exp().mean(0).log()


def ppca_by_svd(x, q):
    mean = x.mean(0)
    _, sizes, axes = torch.linalg.svd(x - mean, full_matrices=False)
    values = sizes.square() / len(x)
    variance = values[q:].sum() / (x.shape[1] - q)
    return mean, -axes[:q].T * (values[:q] - variance).sqrt(), variance


def kl_by_entropies(p, q):
    return -torch.special.entr(p).sum() - torch.xlogy(p, q).sum()


RIGHT = [
    ("01.1", kl_by_mask),
    ("01.1", kl_by_entropies),
    ("01.2", error_by_numpy),
    ("01.3", posterior_by_precision),
    ("01.4", log_mean_exp_by_hand),
    ("01.5", ppca_by_svd),
    ("01.6", lambda log_prob, d: 8 - log_prob / d * math.log2(math.e)),
    ("01.7", {"C": "Mean of logs", "A": "weights-forgotten", "B": "Healthy"}),
    ("01.7", {"c": "the mean of the logs", "a": "weights forgotten", "b": "healthy"}),
]


def test_the_three_runs_have_the_faults_that_they_are_said_to_have():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, generator=generator, dtype=F64)
    x = x @ torch.randn(6, 6, generator=generator, dtype=F64)
    model = ProbabilisticPCA(shape=(6,), latent=2).fit(x)
    exact = model.log_prob(x[:40])
    gaps = {name: (run(model, x[:40], 3000, generator) - exact) for name, run in faults.items()}
    elbo_gap = -2 * 0.5 * (1.5**2 - 1 - math.log(1.5**2))  # −KL(q ‖ posterior), two latents
    assert gaps["B"].abs().max() < 0.1
    assert gaps["C"].mean().item() == pytest.approx(elbo_gap, abs=0.05)
    assert gaps["A"].mean() > 0.3
