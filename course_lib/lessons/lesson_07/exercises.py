"""The exercises of lesson 07 with the mistakes that they recognise."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.checks.compare import word
from course_lib.checks.exercises import (
    BOTH,
    Exercise,
    Prediction,
    When,
    between,
    normal,
    whole,
)
from course_lib.models import VAE
from course_lib.models.vae import active_units

Objective = Callable[[VAE, Tensor, Tensor, float], Tensor]


# 07.1: which latents live ----------------------------------------------------------------------
def collapse_kl(eigenvalues: Tensor, sigma2: float, beta: float = 1.0) -> Tensor:
    """Mean KL of each latent of a linear VAE at its optimum, (d,) nats. (7.3), (7.6)"""
    return (0.5 * (eigenvalues / (beta * sigma2)).log()).clamp(min=0)


def _spectra() -> list[tuple]:
    first = torch.tensor([9.0, 4.0, 2.5, 1.4, 0.7], dtype=torch.float64)
    return [(first, 1.0, 1.0), (first, 0.5, 1.0), (first, 0.3, 4.0), (first, 0.8)]


def _spectrum_and_weights(generator: torch.Generator) -> tuple[Tensor, float, float]:
    eigenvalues = normal(generator, whole(generator, 1, 7)).exp()
    return eigenvalues, between(generator, 0.1, 2), between(generator, 0.1, 3)


# 07.2: active units ----------------------------------------------------------------------------
def _means() -> list[tuple]:
    """Seven latents about a centre of 3, with variances from 1 to 0, some of them near .01."""
    generator = torch.Generator().manual_seed(2)
    draws = torch.randn(400, 7, generator=generator, dtype=torch.float64)
    draws = (draws - draws.mean(0)) / draws.std(0)
    widths = torch.tensor([1.0, 0.5, 0.2, 0.11, 0.09, 0.05, 0.0], dtype=torch.float64)
    constant = torch.tensor([[2.0, 0.5], [2.0, 1.5]], dtype=torch.float64)
    return [(draws * widths + 3,), (draws * widths, 0.2), (constant, 0.0)]


def _more_means(generator: torch.Generator) -> tuple[Tensor, float]:
    n, dims = whole(generator, 50, 90), whole(generator, 1, 9)
    widths = normal(generator, dims)
    return widths * normal(generator, n, dims) + normal(generator, dims), between(
        generator, 0, 2
    )


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


def _more_pairs(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    shape = whole(generator, 2, 6), whole(generator, 2, 9)
    x = torch.rand(shape, generator=generator, dtype=torch.float64)
    return x, x + 0.1 + normal(generator, *shape, scale=0.3)


# 07.5: free bits -------------------------------------------------------------------------------
def charged(kl: Tensor, free: float) -> Tensor:
    """Σ_j max(free, mean over the batch of kl (B, d)), a number of nats. (7.18)"""
    return kl.mean(0).clamp(min=free).sum()


def _kls() -> list[tuple]:
    kl = torch.tensor([[2.0, 0.1, 0.6], [1.0, 0.3, 0.2]], dtype=torch.float64)
    return [(kl, 0.5), (kl, 0.25), (kl, 3.0), (kl, 0.0)]  # 3: more than all latents use


def _more_kls(generator: torch.Generator) -> tuple[Tensor, float]:
    kl = normal(generator, whole(generator, 1, 5), whole(generator, 1, 5)).exp() / 2
    return kl, between(generator, 0, 1.5)


# 07.6: whose gradient counts -------------------------------------------------------------------
def importance(log_weights: Tensor) -> Tensor:
    """Normalised importance weights (K, B) of log-weights (K, B). (7.16)"""
    return log_weights.softmax(0)


def _tall_log_weights() -> list[tuple]:
    generator = torch.Generator().manual_seed(6)
    moderate = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return [(moderate,), (3 * moderate - 900,)]  # the second: where exp underflows


def _wider_log_weights(generator: torch.Generator) -> tuple[Tensor]:
    weights = normal(generator, whole(generator, 1, 6), whole(generator, 1, 4), scale=3.0)
    return (weights + between(generator, -900, 900),)


EXERCISES = {
    "07.1": Exercise(
        right=collapse_kl,
        probes=_spectra,
        domain=_spectrum_and_weights,
        tensor=True,
        mistakes={
            "a KL below zero: where λ < βσ² the latent "
            "is dead, and its KL is 0": lambda e, s, b=1.0: 0.5 * (e / (b * s)).log(),
            "the factor ½ is missing: it is log of a ratio "
            "of widths, not of variances": lambda e, s, b=1.0: (e / (b * s)).log().clamp(min=0),
            "½ log(1 + λ/σ²) takes λ for the signal alone; λ "
            "is signal and noise together": lambda e, s, b=1.0: 0.5 * (1 + e / (b * s)).log(),
            "β is not used: it moves the threshold to βσ²": lambda e, s, b=1.0: (
                0.5 * (e / s).log()
            ).clamp(min=0),
            "β stands on the wrong side: a heavier KL kills "
            "latents, it does not revive any": lambda e, s, b=1.0: (
                0.5 * (b * e / s).log()
            ).clamp(min=0),
            "β squared: β multiplies σ², not σ": lambda e, s, b=1.0: (
                0.5 * (e / (b * b * s)).log()
            ).clamp(min=0),
            "sigma2 is σ² already; it is squared once more here": lambda e, s, b=1.0: (
                0.5 * (e / (b * s * s)).log()
            ).clamp(min=0),
        },
        hint="½ log(λ/(βσ²)) where that is positive, else 0",
    ),
    "07.2": Exercise(
        right=active_units,
        precisions=BOTH,
        probes=_means,
        domain=_more_means,
        mistakes={
            "the mean of squares counts a latent that is constant "
            "but not 0: variance, please": lambda m, least=0.01: int(
                (m.square().mean(0) > least).sum()
            ),
            "the standard deviation is compared with .01; "
            "Burda compares the variance": lambda m, least=0.01: int((m.std(0) > least).sum()),
            "the variance runs over the latents; it belongs over "
            "the images, the first axis": lambda m, least=0.01: int((m.var(1) > least).sum()),
            "a latent whose variance equals `least` does not exceed it": lambda m, least=0.01: (
                int((m.var(0) >= least).sum())
            ),
            "`least` is not used: this counts above "
            ".01, whatever is asked": lambda m, least=0.01: int((m.var(0) > 0.01).sum()),
            "this is a share; count them": lambda m, least=0.01: (
                (m.var(0) > least).double().mean()
            ),
            "these are the dead ones": lambda m, least=0.01: int((m.var(0) < least).sum()),
        },
        hint="variance over the images, one for each latent; how many exceed `least`?",
    ),
    "07.3": Exercise(
        right=implied_sigma,
        probes=[(12_288, 1.0), (12_288, 0.00025), (784, 0.01), (784,)],
        domain=lambda g: (whole(g, 1, 20_000), between(g, 1e-4, 3)),
        mistakes={
            "this is σ²; the width is its root": lambda d, w=1.0: d * w / 2,
            "the ½ of the Gaussian is missing: 1/(2σ²)": lambda d, w=1.0: math.sqrt(d * w),
            "that would be right for a sum over the pixels; "
            "the mean divides by D as well": lambda d, w=1.0: math.sqrt(w / 2),
            "the weight stands on the wrong side: a "
            "heavier KL means a larger σ": lambda d, w=1.0: math.sqrt(d / (2 * w)),
            "σ = 1 belongs to ½ · sum of squares + KL; here is a mean": lambda d, w=1.0: 1.0,
            "σ = 1/√2 belongs to sum of squares + KL; here "
            "is a mean, and a weight": lambda d, w=1.0: math.sqrt(1 / 2),
        },
        hint="divide by the weight: 1/(D·weight) stands where 1/(2σ²) stands",
    ),
    "07.4": Exercise(
        right=best_sigma,
        precisions=BOTH,
        probes=_pairs,
        domain=_more_pairs,
        mistakes={
            "this is σ²; take the root": lambda x, y: (x - y).square().mean(),
            "a sum over the D numbers where their mean is meant": lambda x, y: (
                (x - y).square().sum(1).mean().sqrt()
            ),
            "the mean absolute error is the best width of a Laplace density": lambda x, y: (
                (x - y).abs().mean()
            ),
            "`std` takes the mean error away first; an error "
            "that is always the same counts": lambda x, y: (x - y).std(),
            "a mean of roots; one σ for all needs the root of the mean": lambda x, y: (
                (x - y).square().mean(1).sqrt().mean()
            ),
            'one σ for each pixel: that is sigma="per pixel"; '
            "here one for all is wanted": lambda x, y: (x - y).square().mean(0).sqrt(),
        },
        hint="the root of the mean of all squared errors",
    ),
    "07.5": Exercise(
        right=charged,
        precisions=BOTH,
        probes=_kls,
        domain=_more_kls,
        learns=(0,),
        mistakes={
            "each image is given its free nats apart; the mean "
            "over the batch comes first": lambda kl, free: kl.clamp(min=free).mean(0).sum(),
            "the free nats are given to the sum: one latent "
            "could use up all of them": lambda kl, free: kl.mean(0).sum().clamp(min=free),
            "right gradient, another number: what is below is "
            "counted as `free`, not as 0": lambda kl, free: (
                (kl.mean(0) - free).clamp(min=0).sum()
            ),
            "a largest value instead of a least: now only "
            "latents below `free` pay": lambda kl, free: kl.mean(0).clamp(max=free).sum(),
            "a mean over the latents where the sum is meant": lambda kl, free: (
                kl.mean(0).clamp(min=free).mean()
            ),
            "`free` is not used: this is the plain KL": lambda kl, free: kl.mean(0).sum(),
        },
        hint="mean over the batch, at least `free` for each latent, sum over latents",
    ),
    "07.6": Exercise(
        right=importance,
        probes=_tall_log_weights,
        domain=_wider_log_weights,
        tensor=True,
        mistakes={
            "equal weights give the ELBO's gradient; a draw "
            "counts as much as it explains": lambda w: torch.full_like(w, 1 / len(w)),
            "normalised over the images; it belongs over "
            "the K draws, the first axis": lambda w: w.softmax(-1),
            "not normalised: the weights of an image's draws add to 1": lambda w: w.exp(),
            "log-weights are normalised as if they were weights": lambda w: w / w.sum(0),
            "these are their logarithms": lambda w: w.log_softmax(0),
            "right in principle, but exp(−900) is 0 on a computer: use softmax": When(
                lambda given: (
                    bool(torch.as_tensor(given[1]).isnan().any())
                    and bool(torch.allclose(given[0], importance(*_tall_log_weights()[0])))
                ),
                lambda w: w.exp() / w.exp().sum(0),
            ),
        },
        hint="exp(log-weight), divided by their sum over the K draws",
    ),
    "07.7": Exercise(
        right={"Lea": "warm-up never ends", "Max": "healthy", "Nia": "normaliser dropped"},
        mistakes={
            "Nia's loss is never negative, and her σ only grows: what has she left out?": {
                "Nia": "healthy"
            },
            "Lea restores well and logs the lowest loss: now compare her KL with Max's, and look "
            "at her samples": {"Lea": "healthy"},
            "Max's own loss is what the library counts: he is healthy": When(
                lambda a: word(a["Max"]) != "healthy",
                {
                    "Lea": "normaliser dropped",
                    "Max": "warm-up never ends",
                    "Nia": "warm-up never ends",
                },
            ),
            "the two faults stand at the wrong names: a small weight lets the KL grow, and without "
            "its normaliser a learned σ grows": {
                "Lea": "normaliser dropped",
                "Nia": "warm-up never ends",
            },
        },
        hint='use the words "healthy", "normaliser dropped" and "warm-up never ends"',
    ),
}

PREDICTIONS = {
    "07.11": Prediction(),
    "07.12": Prediction(low=0, high=50),
    "07.13": Prediction(low=0, high=128),
    "07.14": Prediction(words=("as before", "one mean face", "faces")),
}
