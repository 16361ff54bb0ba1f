"""The exercises of lesson 07 with the mistakes that they recognise."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.exercises import Exercise, Mistake
from course_lib.models import VAE
from course_lib.models.vae import active_units

Objective = Callable[[VAE, Tensor, Tensor, float], Tensor]


# 07.1: which latents live ----------------------------------------------------------------------
def collapse_kl(eigenvalues: Tensor, sigma2: float, beta: float = 1.0) -> Tensor:
    """Mean KL of each latent of a linear VAE at its optimum, (d,) nats. (7.3), (7.6)"""
    return (0.5 * (eigenvalues / (beta * sigma2)).log()).clamp(min=0)


def _spectra() -> list[tuple]:
    first = torch.tensor([9.0, 4.0, 2.5, 1.4, 0.7], dtype=torch.float64)
    return [(first, 1.0, 1.0), (first, 0.5, 1.0), (first, 0.3, 4.0)]


# 07.2: active units ----------------------------------------------------------------------------
def _means() -> list[tuple]:
    """Seven latents about a centre of 3, with variances from 1 to 0, some of them near .01."""
    generator = torch.Generator().manual_seed(2)
    draws = torch.randn(400, 7, generator=generator, dtype=torch.float64)
    draws = (draws - draws.mean(0)) / draws.std(0)
    widths = torch.tensor([1.0, 0.5, 0.2, 0.11, 0.09, 0.05, 0.0], dtype=torch.float64)
    return [(draws * widths + 3,)]


# 07.3 and 07.4: σ ------------------------------------------------------------------------------
def implied_sigma(dims: int, weight: float = 1.0) -> float:
    """σ of the Gaussian decoder that `mean squared error + weight · KL` trains. (7.8)"""
    return math.sqrt(dims * weight / 2)


def best_sigma(x: Tensor, decoded: Tensor) -> Tensor:
    """σ* from images x (B, D) and the decoder's means at draws of q, (B, D). (7.9)"""
    return (x - decoded).square().mean().sqrt()


def _pairs() -> list[tuple]:
    generator = torch.Generator().manual_seed(4)
    x = torch.rand(5, 12, generator=generator, dtype=torch.float64)
    return [(x, x + 0.3 * torch.randn(5, 12, generator=generator, dtype=torch.float64))]


# 07.5: free bits -------------------------------------------------------------------------------
def charged(kl: Tensor, free: float) -> Tensor:
    """Σ_j max(free, mean over the batch of kl (B, d)), a number of nats. (7.17)"""
    return kl.mean(0).clamp(min=free).sum()


def _kls() -> list[tuple]:
    kl = torch.tensor([[2.0, 0.1, 0.6], [1.0, 0.3, 0.2]], dtype=torch.float64)
    kl.requires_grad_()
    return [(kl, 0.5), (kl, 0.25), (kl, 3.0)]  # the last: more than all latents use


# 07.6: whose gradient counts -------------------------------------------------------------------
def importance(log_weights: Tensor) -> Tensor:
    """Normalised importance weights (K, B) of log-weights (K, B). (7.15)"""
    return log_weights.softmax(0)


def _log_weights() -> list[tuple]:
    generator = torch.Generator().manual_seed(6)
    moderate = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return [(moderate,), (3 * moderate - 900,)]  # the second: where exp underflows


EXERCISES = {
    "07.1": Exercise(
        right=collapse_kl,
        probes=_spectra,
        mistakes=[
            Mistake(
                lambda e, s, b: 0.5 * (e / (b * s)).log(),
                "a KL below zero: where λ < βσ² the latent is dead, and its KL is 0",
            ),
            Mistake(
                lambda e, s, b: (e / (b * s)).log().clamp(min=0),
                "the factor ½ is missing: it is log of a ratio of widths, not of variances",
            ),
            Mistake(
                lambda e, s, b: 0.5 * (1 + e / (b * s)).log(),
                "½ log(1 + λ/σ²) takes λ for the signal alone; λ is signal and noise together",
            ),
            Mistake(
                lambda e, s, b: (0.5 * (e / s).log()).clamp(min=0),
                "β is not used: it moves the threshold to βσ²",
            ),
            Mistake(
                lambda e, s, b: (0.5 * (b * e / s).log()).clamp(min=0),
                "β stands on the wrong side: a heavier KL kills latents, it does not revive any",
            ),
            Mistake(
                lambda e, s, b: (0.5 * (e / (b * b * s)).log()).clamp(min=0),
                "β squared: β multiplies σ², not σ",
            ),
            Mistake(
                lambda e, s, b: (0.5 * (e / (b * s * s)).log()).clamp(min=0),
                "sigma2 is σ² already; it is squared once more here",
            ),
        ],
        hint="½ log(λ/(βσ²)) where that is positive, else 0",
    ),
    "07.2": Exercise(
        right=active_units,
        probes=_means,
        mistakes=[
            Mistake(
                lambda m: int((m.square().mean(0) > 0.01).sum()),
                "the mean of squares counts a latent that is constant but not 0: variance, please",
            ),
            Mistake(
                lambda m: int((m.std(0) > 0.01).sum()),
                "the standard deviation is compared with .01; Burda compares the variance",
            ),
            Mistake(
                lambda m: int((m.var(1) > 0.01).sum()),
                "the variance runs over the latents; it belongs over the images, the first axis",
            ),
            Mistake(
                lambda m: (m.var(0) > 0.01).double().mean(),
                "this is a share; count them",
            ),
            Mistake(
                lambda m: int((m.var(0) < 0.01).sum()),
                "these are the dead ones",
            ),
        ],
        hint="variance over the images, one for each latent; how many exceed `least`?",
    ),
    "07.3": Exercise(
        right=implied_sigma,
        probes=[(12_288, 1.0), (12_288, 0.00025), (784, 0.01)],
        mistakes=[
            Mistake(lambda d, w: d * w / 2, "this is σ²; the width is its root"),
            Mistake(lambda d, w: math.sqrt(d * w), "the ½ of the Gaussian is missing: 1/(2σ²)"),
            Mistake(
                lambda d, w: math.sqrt(w / 2),
                "that would be right for a sum over the pixels; the mean divides by D as well",
            ),
            Mistake(
                lambda d, w: math.sqrt(d / (2 * w)),
                "the weight stands on the wrong side: a heavier KL means a larger σ",
            ),
            Mistake(
                lambda d, w: 1.0, "σ = 1 belongs to ½ · sum of squares + KL; here is a mean"
            ),
            Mistake(
                lambda d, w: math.sqrt(1 / 2),
                "σ = 1/√2 belongs to sum of squares + KL; here is a mean, and a weight",
            ),
        ],
        hint="divide by the weight: 1/(D·weight) stands where 1/(2σ²) stands",
    ),
    "07.4": Exercise(
        right=best_sigma,
        probes=_pairs,
        mistakes=[
            Mistake(lambda x, y: (x - y).square().mean(), "this is σ²; take the root"),
            Mistake(
                lambda x, y: (x - y).square().sum(1).mean().sqrt(),
                "a sum over the D numbers where their mean is meant",
            ),
            Mistake(
                lambda x, y: (x - y).abs().mean(),
                "the mean absolute error is the best width of a Laplace density",
            ),
            Mistake(
                lambda x, y: (x - y).std(),
                "`std` takes the mean error away first; an error that is always the same counts",
            ),
            Mistake(
                lambda x, y: (x - y).square().mean(1).sqrt().mean(),
                "a mean of roots; one σ for all needs the root of the mean",
            ),
            Mistake(
                lambda x, y: (x - y).square().mean(0).sqrt(),
                'one σ for each pixel: that is sigma="per pixel"; here one for all is wanted',
            ),
        ],
        hint="the root of the mean of all squared errors",
    ),
    "07.5": Exercise(
        right=charged,
        probes=_kls,
        learns=True,
        mistakes=[
            Mistake(
                lambda kl, free: kl.clamp(min=free).mean(0).sum(),
                "each image is given its free nats apart; the mean over the batch comes first",
            ),
            Mistake(
                lambda kl, free: kl.mean(0).sum().clamp(min=free),
                "the free nats are given to the sum: one latent could use up all of them",
            ),
            Mistake(
                lambda kl, free: (kl.mean(0) - free).clamp(min=0).sum(),
                "right gradient, another number: what is below is counted as `free`, not as 0",
            ),
            Mistake(
                lambda kl, free: kl.mean(0).clamp(max=free).sum(),
                "a largest value instead of a least: now only latents below `free` pay",
            ),
            Mistake(
                lambda kl, free: kl.mean(0).clamp(min=free).mean(),
                "a mean over the latents where the sum is meant",
            ),
            Mistake(
                lambda kl, free: kl.mean(0).sum(), "`free` is not used: this is the plain KL"
            ),
        ],
        hint="mean over the batch, at least `free` for each latent, sum over latents",
    ),
    "07.6": Exercise(
        right=importance,
        probes=_log_weights,
        mistakes=[
            Mistake(
                lambda w: torch.full_like(w, 1 / len(w)),
                "equal weights give the ELBO's gradient; a draw counts as much as it explains",
            ),
            Mistake(
                lambda w: w.softmax(-1),
                "normalised over the images; it belongs over the K draws, the first axis",
            ),
            Mistake(
                lambda w: w.exp(), "not normalised: the weights of an image's draws add to 1"
            ),
            Mistake(
                lambda w: w / w.sum(0), "log-weights are normalised as if they were weights"
            ),
            Mistake(lambda w: w.log_softmax(0), "these are their logarithms"),
            Mistake.when(
                lambda given: (
                    bool(torch.as_tensor(given[1]).isnan().any())
                    and bool(torch.allclose(given[0], importance(*_log_weights()[0])))
                ),
                "right in principle, but exp(−900) is 0 on a computer: use softmax",
            ),
        ],
        hint="exp(log-weight), divided by their sum over the K draws",
    ),
    "07.7": Exercise(
        right={"Lea": "warm-up never ends", "Max": "healthy", "Nia": "normaliser dropped"},
        mistakes=[
            Mistake.when(
                lambda a: _is(a, "Nia", "healthy"),
                "Nia's loss is never negative, and her σ only grows: what has she left out?",
            ),
            Mistake.when(
                lambda a: _is(a, "Lea", "healthy"),
                "Lea's reconstructions are the best, but how many nats of KL does she log, and "
                "how many does the library count?",
            ),
            Mistake.when(
                lambda a: _is(a, "Max", "warm-up never ends", "normaliser dropped"),
                "Max's own loss is what the library counts: he is healthy",
            ),
        ],
        hint='use the words "healthy", "normaliser dropped" and "warm-up never ends"',
    ),
}


def _is(answer: dict[str, str], name: str, *words: str) -> bool:
    return answer[name].casefold().strip() in words
