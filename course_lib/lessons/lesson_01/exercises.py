"""The exercises of lesson 01, with the mistakes that they recognise.

The right answers are ordinary functions, so that a lesson whose exercise is still open goes on
with them. Numbers in brackets are the lesson's equations.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_lib.checks.compare import difference, numeric, word
from course_lib.checks.exercises import (
    DOUBLE,
    Exercise,
    Prediction,
    When,
    between,
    normal,
    shares,
    whole,
)

F64 = torch.float64


# 01.1 ----------------------------------------------------------------------------------------
def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) in nats of distributions (n,); terms with p = 0 count nothing. (1.1)"""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum()


P, Q = torch.tensor([0.7, 0.2, 0.1], dtype=F64), torch.tensor([0.3, 0.3, 0.4], dtype=F64)
WITH_ZERO = torch.tensor([0.6, 0.4, 0.0], dtype=F64)
# As improbable as a far component of (1.16): a small number added inside the logarithm shows.
FAR = torch.tensor([0.5, 0.5], dtype=F64), torch.tensor([1.0, 1e-40], dtype=F64)


def _two_distributions(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Of 2 to 6 outcomes, some nearly impossible; p leaves one out every other time."""
    p, q = shares(generator, 2, whole(generator, 2, 6), sharp=3.0)
    if whole(generator, 0, 1):
        p = p.index_fill(0, p.argmin(), 0.0)
    return p / p.sum(), q


KL = Exercise(
    right=kl,
    probes=[(P, Q), (torch.tensor([0.25, 0.25, 0.5], dtype=F64), P), (WITH_ZERO, Q)]
    + [(WITH_ZERO, torch.tensor([0.3, 0.7, 0.0], dtype=F64)), FAR],
    domain=_two_distributions,
    tol=1e-6,
    tensor=True,
    mistakes={
        "this is KL(q ‖ p): the expectation is under p.": lambda p, q: kl(q, p),
        "this is KL(q ‖ p), and the expectation is under p.": When(
            lambda found: _equals(found[0], kl(Q, P)), lambda p, q: (q * (q / p).log()).sum()
        ),
        "this is in bits; nats are wanted (log).": lambda p, q: kl(p, q) / math.log(2),
        "the sign is turned: a divergence is not negative.": lambda p, q: -kl(p, q),
        "this is the cross-entropy −Σ p log q; the entropy of p is missing from it.": When(
            lambda found: _equals(found[0], -torch.xlogy(P, Q).sum()),
            lambda p, q: -torch.xlogy(p, q).sum(),
        ),
        "this is a mean over the outcomes, not a sum.": When(
            lambda found: _equals(found[0], kl(P, Q) / len(P)), lambda p, q: kl(p, q) / len(p)
        ),
        "0 · log 0, or 0 / 0 in the logarithm, gives NaN here: an outcome with p = 0 contributes "
        "nothing (torch.xlogy with p and with q apart, or leave those outcomes out).": When(
            lambda found: _finite(found[0]) and any(bool(numeric(v).isnan()) for v in found),
            lambda p, q: (p * (p / q).log()).sum(),
        ),
        "a small number added inside the logarithm, or a clamp, makes it too small where q is "
        "nearly 0; only p = 0 needs care.": When(
            lambda found: _equals(found[0], kl(P, Q)) and found[4] < kl(*FAR),
            lambda p, q: (p * ((p + 1e-12) / (q + 1e-12)).log()).sum(),
        ),
    },
    hint="Σ p(x) log(p(x) / q(x)), one number",
)


# 01.2 ----------------------------------------------------------------------------------------
def standard_error(values: Tensor) -> Tensor:
    """The standard error of the mean of values (n,). (1.8)"""
    return values.std() / len(values) ** 0.5


def _skewed(generator: torch.Generator) -> tuple[Tensor]:
    """Their median is not their mean."""
    return (normal(generator, whole(generator, 3, 400)).exp(),)


def _sample(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 + 2 * torch.randn(n, generator=generator, dtype=F64)


STANDARD_ERROR = Exercise(
    right=standard_error,
    probes=[(_sample(1000, 0),), (_sample(4000, 1),)],
    domain=_skewed,
    also=[lambda values: values.std(correction=0) / len(values) ** 0.5],  # n or n − 1
    tol=1e-6,
    tensor=True,
    mistakes={
        "this is the spread of single values; their mean varies less.": lambda v: v.std(),
        "divide by √n, not by n: (1.8).": lambda v: v.std() / len(v),
        "this is the variance of the mean; take its root.": lambda v: v.var() / len(v),
        "the standard deviation goes on top, not its square.": lambda v: (
            v.var() / len(v) ** 0.5
        ),
        "the spread is measured from the mean, not from 0.": lambda v: (
            v.square().mean().sqrt() / len(v) ** 0.5
        ),
    },
    hint="the standard deviation of the values, over the root of their number",
)


# 01.3 ----------------------------------------------------------------------------------------
def posterior(x: Tensor, mu: Tensor, W: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Mean (q,) and covariance (q, q) of p(z|x) for x, mu (D,), W (D, q). (1.12)"""
    M = W.T @ W + sigma**2 * torch.eye(W.shape[1], dtype=W.dtype)
    return torch.linalg.solve(M, W.T @ (x - mu)), sigma**2 * torch.linalg.inv(M)


def _uncentred(x, mu, W, sigma):
    return posterior(x, torch.zeros_like(mu), W, sigma)


def _wide(x, mu, W, sigma):
    mean, covariance = posterior(x, mu, W, sigma)
    return mean, covariance / sigma**2


def _deviation(x, mu, W, sigma):
    return posterior(x, mu, W, sigma**0.5)


def _sigma_in_M(x, mu, W, sigma):
    mean, covariance = _deviation(x, mu, W, sigma)
    return mean, sigma * covariance


def _no_noise(x, mu, W, sigma):
    inverse = torch.linalg.inv(W.T @ W)
    return inverse @ W.T @ (x - mu), sigma**2 * inverse


def _noise_everywhere(x, mu, W, sigma):
    M = W.T @ W + sigma**2
    return torch.linalg.solve(M, W.T @ (x - mu)), sigma**2 * torch.linalg.inv(M)


X3, MU3 = torch.tensor([1.0, -0.5, 2.0], dtype=F64), torch.tensor([0.2, 0.1, -0.3], dtype=F64)
W3 = torch.tensor([[1.0, 0.3], [-0.4, 0.8], [0.5, 0.6]], dtype=F64)


def _linear_model(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, float]:
    dims = whole(generator, 2, 5)
    x, mu = normal(generator, 2, dims)
    W = normal(generator, dims, whole(generator, 1, dims))
    return x, mu, W, between(generator, 0.3, 2.0)


POSTERIOR = Exercise(
    right=posterior,
    precisions=DOUBLE,
    probes=[(X3, MU3, W3, 0.7), (X3, MU3, W3[:, :1], 0.5)],
    domain=_linear_model,
    tol=1e-6,
    tensor=True,
    mistakes={
        "the covariance is σ² M⁻¹; its σ² is missing.": _wide,
        "x − μ is what z explains; here μ is not subtracted.": _uncentred,
        "σ stands where σ² is meant.": _deviation,
        "M has σ² on its diagonal; here it has σ.": _sigma_in_M,
        "σ² I has σ² on the diagonal only; here it is added to every entry of M.": (
            _noise_everywhere
        ),
        "M = WᵀW + σ² I; without σ² I this is least squares, with no prior.": _no_noise,
        "the covariance is a matrix (q, q); this is its diagonal only.": lambda *given: (
            posterior(*given)[0],
            posterior(*given)[1].diagonal(),
        ),
        "two things are wanted: mean, covariance.": lambda *given: posterior(*given)[0],
    },
    hint="return (mean, covariance) with M = WᵀW + σ² I",
)


# 01.4 ----------------------------------------------------------------------------------------
def log_mean_exp(a: Tensor) -> Tensor:
    """log (1/K) Σ_k exp(a_k) along the first axis, without underflow. (1.13)"""
    return a.logsumexp(0) - math.log(len(a))


A_SMALL = torch.tensor([[-1.0, 0.5], [0.3, -2.0], [1.0, 0.0], [-0.7, 0.2]], dtype=F64)


def _logs(generator: torch.Generator) -> tuple[Tensor]:
    shape = [whole(generator, 1, 5) for _ in range(whole(generator, 1, 3))]
    return (normal(generator, *shape, scale=3.0) + between(generator, -900, 900),)


LOG_MEAN_EXP = Exercise(
    right=log_mean_exp,
    probes=[(A_SMALL,), (A_SMALL[:, 0],), (A_SMALL - 800,)]
    + [(A_SMALL - torch.tensor([0.0, 2000.0], dtype=F64),)],  # as images differ in section 7
    domain=_logs,
    tol=1e-6,
    tensor=True,
    mistakes={
        "this is the mean of the logs: (1.13)'s left end.": lambda a: a.mean(0),
        "this is the log of the sum: − log K is missing.": lambda a: a.logsumexp(0),
        "the mean goes along the first axis (K), not along the last.": lambda a: (
            a.logsumexp(-1) - math.log(a.shape[-1])
        ),
        "right for numbers near 0, but exp(−800) underflows: take the largest a_k out "
        "first (torch.logsumexp does).": When(
            lambda found: _equals(found[0], log_mean_exp(A_SMALL)) and not _finite(found[2]),
            lambda a: a.exp().mean(0).log(),
        ),
        "each column has a largest a_k of its own: take it along the first axis (K), not over "
        "the whole tensor.": When(
            lambda found: (
                _equals(found[2], log_mean_exp(A_SMALL - 800)) and not _finite(found[3])
            ),
            lambda a: a.max() + (a - a.max()).exp().mean(0).log(),
        ),
        "the logarithm of the mean is wanted.": lambda a: a.exp().mean(0),
    },
    hint="log of the mean of the exponentials along axis 0",
)


# 01.5 ----------------------------------------------------------------------------------------
def fit_ppca(x: Tensor, q: int) -> tuple[Tensor, Tensor, Tensor]:
    """Maximum likelihood for x (N, D): mean (D,), W (D, q), σ². (1.15)"""
    mean, values, vectors = _spectrum(x)
    variance = values[q:].mean()
    return mean, vectors[:, :q] * (values[:q] - variance).sqrt(), variance


def _spectrum(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    return mean, values.flip(0), vectors.flip(1)


def _kept(values, q):
    return values[q:].mean()


def _proper(values, vectors, variance, q):
    return vectors[:, :q] * (values[:q] - variance).sqrt()


@functools.cache
def _ppca_probes() -> list[tuple[Tensor, int]]:
    generator = torch.Generator().manual_seed(5)
    mixing = torch.randn(5, 5, generator=generator, dtype=F64)
    x = 1 + torch.randn(60, 5, generator=generator, dtype=F64) @ mixing
    return [(x, 2), (x[:40], 1)]


def _more_ppca(generator: torch.Generator) -> tuple[Tensor, int]:
    n, dims = whole(generator, 20, 60), whole(generator, 3, 6)
    x = 1 + normal(generator, n, dims) @ normal(generator, dims, dims)
    return x, whole(generator, 1, dims - 1)


def _up_to_rotation(fitted: tuple) -> tuple:
    """W is fixed up to a rotation of z, so WWᵀ stands for it."""
    mean, weights, variance = fitted
    return mean.reshape(-1), weights @ weights.T, variance


def _unbiased(x: Tensor, q: int) -> tuple[Tensor, Tensor, Tensor]:
    mean, weights, variance = fit_ppca(x, q)
    factor = len(x) / (len(x) - 1)
    return mean, weights * factor**0.5, variance * factor


def _deviation_for_variance(x: Tensor, q: int) -> tuple[Tensor, Tensor, Tensor]:
    mean, weights, variance = fit_ppca(x, q)
    return mean, weights, variance.sqrt()


def _not_centred(x: Tensor, q: int) -> tuple[Tensor, Tensor, Tensor]:
    both_signs = torch.cat([x, -x])  # their mean is 0, so their covariance is xᵀx / N
    return x.mean(0), *fit_ppca(both_signs, q)[1:]


def _ppca_with(variance_of: Callable = _kept, weights_of: Callable = _proper) -> Callable:
    def fitted(x: Tensor, q: int) -> tuple[Tensor, Tensor, Tensor]:
        mean, values, vectors = _spectrum(x)
        variance = variance_of(values, q)
        return mean, weights_of(values, vectors, variance, q), variance

    return fitted


FIT_PPCA = Exercise(
    right=fit_ppca,
    precisions=DOUBLE,
    probes=lambda: _ppca_probes(),
    domain=_more_ppca,
    form=_up_to_rotation,
    tensor=True,
    tol=1e-6,
    mistakes={
        "W = U √Λ is plain PCA: σ² of each eigenvalue is noise already, subtract it.": _ppca_with(
            weights_of=lambda values, vectors, variance, q: vectors[:, :q] * values[:q].sqrt()
        ),
        "W brings the standard deviations: the root of λ − σ² is missing.": _ppca_with(
            weights_of=lambda values, vectors, variance, q: (
                vectors[:, :q] * (values[:q] - variance)
            )
        ),
        "σ² is the mean of the discarded eigenvalues, not their sum.": _ppca_with(
            lambda values, q: values[q:].sum(),
            lambda values, vectors, variance, q: (
                vectors[:, :q] * (values[:q] - variance).clamp(min=0).sqrt()
            ),
        ),
        "σ² is the mean of all discarded eigenvalues, not the smallest one.": _ppca_with(
            lambda values, q: values[-1]
        ),
        "these are the smallest directions: eigh sorts eigenvalues upwards.": _ppca_with(
            lambda values, q: values[: len(values) - q].mean(),
            lambda values, vectors, variance, q: (
                vectors[:, -q:] * (values[-q:] - variance).abs().sqrt()
            ),
        ),
        "there is NaN in it: some λ − σ² is negative. eigh sorts eigenvalues upwards, and σ² is "
        "the mean of the discarded ones alone.": When(
            lambda found: any(part.isnan().any() for answer in found for part in answer[:2]),
            _ppca_with(
                lambda values, q: values[: len(values) - q].mean(),
                lambda values, vectors, variance, q: (
                    vectors[:, -q:] * (values[-q:] - variance).sqrt()
                ),
            ),
        ),
        "maximum likelihood divides the covariance by N, (1.4), not by N − 1.": _unbiased,
        "the variance σ² is wanted, not its root σ.": _deviation_for_variance,
        "the covariance is that of x − mean; here the mean is not subtracted.": _not_centred,
    },
    hint="return (mean, W, σ²) with the covariance's largest eigenvalues in W",
)


# 01.6 ----------------------------------------------------------------------------------------
def bits_per_dim(log_prob: Tensor, dimensions: int) -> Tensor:
    """log p(x) in nats, x in [0, 1]^D → bits per dimension of 8-bit data. (1.18)"""
    return -log_prob / (dimensions * math.log(2)) + 8


BITS = Exercise(
    right=bits_per_dim,
    probes=[(torch.tensor([1200.0, -300.0], dtype=F64), 784), (torch.tensor(-5.0), 2)],
    domain=lambda g: (normal(g, whole(g, 1, 5), scale=500.0), whole(g, 1, 3000)),
    tol=1e-5,
    tensor=True,
    mistakes={
        "log₂ 256 is missing: x is 256 times smaller than the levels.": lambda log_prob, d: (
            -log_prob / (d * math.log(2))
        ),
        "the sign: a higher density costs fewer bits.": lambda log_prob, d: (
            log_prob / (d * math.log(2)) + 8
        ),
        "this is the negative of what is wanted: bits are a cost.": lambda log_prob, d: (
            log_prob / (d * math.log(2)) - 8
        ),
        "nats are not bits: ln 2 is missing.": lambda log_prob, d: -log_prob / d + 8,
        "per dimension: divide by D.": lambda log_prob, d: -log_prob / math.log(2) + 8,
        "each dimension has its 8 bits; do not divide them by D.": lambda log_prob, d: (
            (-log_prob / math.log(2) + 8) / d
        ),
        "bits = nats / ln 2; here it is multiplied.": lambda log_prob, d: (
            -log_prob * math.log(2) / d + 8
        ),
        "this adds 256's natural logarithm; in bits it is log₂ 256 = 8.": lambda log_prob, d: (
            -log_prob / (d * math.log(2)) + math.log(256)
        ),
        "the 8 is added: the density of x is 256 "
        "times that of the level.": lambda log_prob, d: -log_prob / (d * math.log(2)) - 8,
    },
    hint="−log p / (D ln 2), and the scale of x",
)


# 01.7 ----------------------------------------------------------------------------------------
WORDS = ("healthy", "mean of logs", "weights forgotten")

DIAGNOSIS = Exercise(
    right={"A": "weights forgotten", "B": "healthy", "C": "mean of logs"},
    mistakes={
        "A lies above the exact value; can an honest estimate do that on average?": {
            "A": "healthy"
        },
        "which of B and C gets better with more draws?": {
            "A": "weights forgotten",
            "B": "mean of logs",
            "C": "healthy",
        },
        "a mean of logs lies below the exact value, (1.13); look on which side A is.": {
            "A": "mean of logs"
        },
        "use each of the three words once.": When(
            lambda given: len(set(map(word, given.values()))) < 3,
            {"A": "weights forgotten", "B": "healthy", "C": "healthy"},
        ),
    },
    hint=f"the words are {', '.join(WORDS)}",
)


def _equals(found: Any, wanted: Tensor) -> bool:
    return difference(found, wanted, 1e-6) is None


def _finite(found: Any) -> bool:
    return bool(torch.as_tensor(found).isfinite().all())


EXERCISES: dict[str, Exercise] = {
    "01.1": KL,
    "01.2": STANDARD_ERROR,
    "01.3": POSTERIOR,
    "01.4": LOG_MEAN_EXP,
    "01.5": FIT_PPCA,
    "01.6": BITS,
    "01.7": DIAGNOSIS,
}

PREDICTIONS = {
    "01.1": Prediction(),
    "01.2": Prediction(low=0),
    "01.3": Prediction(low=0),
    "01.4": Prediction(),
    "01.5": Prediction(),
}
