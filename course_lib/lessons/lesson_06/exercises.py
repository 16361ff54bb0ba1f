"""The exercises of lesson 06 with the mistakes that they recognise.

The constants of the small model are the lesson's: w = 2, s = 0.5, x = 1.5.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from course_lib.checks.compare import numeric, word
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
from course_lib.models.vae import bernoulli_log_likelihood, gaussian_kl, log_normal

W, S, X = 2.0, 0.5, 1.5
POSTERIOR = Normal(
    torch.tensor(W * X / (W**2 + S**2), dtype=torch.float64),
    torch.tensor(S / (W**2 + S**2) ** 0.5, dtype=torch.float64),
)


# 06.1: report B's equation 3 ---------------------------------------------------------------
def _q(m: float, sd: float) -> Normal:
    return Normal(torch.tensor(m, dtype=torch.float64), torch.tensor(sd, dtype=torch.float64))


def _gap(m: float, sd: float) -> Tensor:
    return kl_divergence(_q(m, sd), POSTERIOR)


def _elbo(m: float, sd: float) -> Tensor:
    evidence = _q(0.0, (W**2 + S**2) ** 0.5).log_prob(torch.tensor(X, dtype=torch.float64))
    return evidence - _gap(m, sd)


def _drawn(m: float, sd: float) -> Tensor:
    """The right number, but as a mean over draws."""
    q = _q(m, sd)
    z = q.sample((5000,))
    return (POSTERIOR.log_prob(z) - q.log_prob(z)).mean()


def _nearly(found: list) -> bool:
    """Whether answers on the fixed probes lie as near to the right ones as a mean over draws."""
    right = torch.stack([-_gap(*at) for at in WIDTHS])
    return bool(((numeric(found[:3]) - right).abs() < 0.1 * (1 + right.abs())).all())


STEP = 0.001  # of the lesson's grid
WIDTHS = [(0.2, 0.4), (0.7, 0.25), (-1.0, 0.8)]


# 06.2 and 06.3: KL and reparameterisation --------------------------------------------------
def _draw(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    return mean + (0.5 * log_var).exp() * noise


def _codes(generator: torch.Generator) -> tuple[Tensor, ...]:
    """Mean, log-variance and noise of one shape."""
    return tuple(normal(generator, 3, whole(generator, 1, 5), whole(generator, 1, 4)).float())


# 06.4: the ELBO of a small VAE --------------------------------------------------------------
def _some_vae(generator: torch.Generator) -> tuple[VAE, Tensor, Tensor]:
    """A small VAE far from its start, so that all mistakes differ; images, half of them b/w."""
    vae = VAE("report", hidden=(16,), seed=whole(generator, 0, 999)).double()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(1.5)
    x = torch.rand(4, 1, 28, 28, generator=generator, dtype=torch.float64)
    x[:2] = x[:2].round()
    return vae, x, normal(generator, 4, 2)


def _elbo_of(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
    found = vae.terms(x, noise)
    return found["reconstruction"] - found["kl"]


def kl_by_draw(noise: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """log q(z|x) − log p(z) at the draw with this noise: right in the mean, in place of the KL."""

    def estimate(mean: Tensor, log_var: Tensor) -> Tensor:
        z = _draw(mean, log_var, noise)
        return log_normal(z, mean, log_var) - log_normal(z)

    return estimate


def _elbo_with(
    width: Callable = lambda log_var: (0.5 * log_var).exp(),
    pixels: float = 1.0,
    kl: Callable = gaussian_kl,
    said: Callable = lambda logits: logits,
) -> Callable[[VAE, Tensor, Tensor], Tensor]:
    """The ELBO with one thing changed: width of the noise, scale of the pixels, KL, logits."""

    def objective(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
        mean, log_var = vae.encode(x)
        z = mean + width(log_var) * noise
        likelihood = bernoulli_log_likelihood(x.flatten(1), said(vae.logits(z)))
        return likelihood / pixels - kl(mean, log_var)

    return objective


# 06.6: the bound with K samples --------------------------------------------------------------
def _iwae(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(0) - torch.tensor(float(len(log_weights))).log()


def _some_log_weights() -> list[tuple]:
    generator = torch.Generator().manual_seed(6)
    moderate = torch.randn(8, 3, generator=generator, dtype=torch.float64) - 2
    return [(moderate,), (moderate[:5] * 3 - 900.0,)]  # the second: where exp underflows


def _more_log_weights(generator: torch.Generator) -> tuple[Tensor]:
    weights = normal(generator, whole(generator, 1, 8), whole(generator, 1, 4), scale=3.0)
    return (weights + between(generator, -900, 900),)


EXERCISES = {
    "06.1": Exercise(
        right=lambda m, sd: -_gap(m, sd),
        probes=WIDTHS,
        domain=lambda g: (between(g, -2, 2), between(g, 0.15, 1.5)),
        mistakes={
            "this is the right bound, with log p(x, z); B prints log p(z|x)": _elbo,
            "the sign is turned: −log q comes first, + log p(z|x) second": _gap,
            "the mean is taken under the posterior; B takes it under q": lambda m, sd: (
                -kl_divergence(POSTERIOR, _q(m, sd))
            ),
            "log p(z) stands where B has log p(z|x): the "
            "prior is not the posterior": lambda m, sd: -kl_divergence(_q(m, sd), _q(0.0, 1.0)),
            "−log q(z|x) is left out: the bracket has two logarithms": lambda m, sd: (
                -_gap(m, sd) - _q(m, sd).entropy()
            ),
            "a sum over the grid is no integral: `integrate` knows the step": lambda m, sd: (
                -_gap(m, sd) / STEP
            ),
            "nearly: this looks like a mean over draws. An exact value is wanted, by the "
            "grid or in closed form": When(_nearly, _drawn),
        },
        hint="integrate q(z)·(log p(z|x) − log q(z)) over the grid",
    ),
    "06.2": Exercise(
        right=gaussian_kl,
        precisions=BOTH,
        probes=[
            (torch.tensor([[0.5, -1.0, 2.0]]), torch.tensor([[0.3, -1.2, 0.8]])),
            (torch.tensor([[0.0, 0.1], [1.5, -0.4]]), torch.tensor([[-2.0, 0.5], [0.7, 0.2]])),
            (torch.zeros(2, 3), torch.zeros(2, 3)),
        ],
        domain=lambda g: _codes(g)[:2],
        learns=(0, 1),
        mistakes={
            "this is right for log σ where log σ² is meant: "
            "log_var.exp() is the variance": lambda m, v: (
                0.5 * (m**2 + (2 * v).exp() - 1 - 2 * v).sum(-1)
            ),
            "σ stands where σ² is meant: log_var.exp() is the variance already": lambda m, v: (
                0.5 * (m**2 + (0.5 * v).exp() - 1 - v).sum(-1)
            ),
            "the factor ½ is missing": lambda m, v: 2 * gaussian_kl(m, v),
            "a mean over the latents where the sum is meant: "
            "KLs of independent parts add": lambda m, v: gaussian_kl(m, v) / m.shape[-1],
            "one number for the batch: keep one for each image, "
            "sum over the last axis only": lambda m, v: gaussian_kl(m, v).mean(),
            "summed over the batch too: sum over the last axis only": lambda m, v: gaussian_kl(
                m, v
            ).sum(),
            "the sign is turned: a KL is never negative": lambda m, v: -gaussian_kl(m, v),
            "one number for each latent; sum over the last axis": lambda m, v: (
                0.5 * (m**2 + v.exp() - 1 - v)
            ),
        },
        hint="try mean 0 and log_var 1: then each latent costs (e − 2)/2 = 0.359 nats",
    ),
    "06.3": Exercise(
        right=_draw,
        precisions=BOTH,
        probes=[
            (
                torch.tensor([[0.5, -1.0], [0.0, 2.0]]),
                torch.tensor([[0.6, -1.2], [0.2, 0.8]]),
                torch.tensor([[1.0, -0.5], [0.3, 2.0]]),
            )
        ],
        domain=_codes,
        learns=(0, 1),
        mistakes={
            "the noise has width σ²: σ is exp(log_var / 2)": lambda m, v, e: m + v.exp() * e,
            "log_var itself is no width; σ is exp(log_var / 2)": lambda m, v, e: m + v * e,
            "the same distribution, but (6.6) adds: noise 1 must give m + σ": lambda m, v, e: (
                m - (0.5 * v).exp() * e
            ),
            "the noise is not scaled by σ": lambda m, v, e: m + e,
            "half the variance is not its root: the ½ "
            "belongs inside the exponent": lambda m, v, e: m + 0.5 * v.exp() * e,
            "without noise this is an autoencoder: add σ·noise": lambda m, v, e: m,
            "noise of its own: use the `noise` that is handed over": lambda m, v, e: _draw(
                m, v, torch.randn_like(m)
            ),
            "the mean is scaled too: only the noise is multiplied by σ": lambda m, v, e: (
                (0.5 * v).exp() * (m + e)
            ),
        },
        hint="noise 0 must give the mean, and log_var 0 the mean plus the noise",
    ),
    "06.4": Exercise(
        right=_elbo_of,
        precisions=BOTH,
        domain=_some_vae,
        learns=(0,),
        mistakes={
            "right on average, the first estimator of section 10; here the KL is wanted in "
            "closed form, which varies less": lambda vae, x, noise: _elbo_with(
                kl=kl_by_draw(noise)
            )(vae, x, noise),
            "a sigmoid too many: the likelihood wants logits, "
            "and these are probabilities": _elbo_with(said=torch.sigmoid),
            "a mean over the pixels where the sum is meant: "
            "this is a silent β of 784": _elbo_with(pixels=784.0),
            "this is −ELBO, the loss; return the ELBO, "
            "which is to be maximised": lambda vae, x, noise: -_elbo_of(vae, x, noise),
            "the KL is added; the ELBO subtracts it": _elbo_with(
                kl=lambda m, v: -gaussian_kl(m, v)
            ),
            "log_var.exp() is used as a width: σ is exp(log_var / 2)": _elbo_with(
                width=lambda v: v.exp()
            ),
            "the decoder gets the mean of q, not a draw: reparameterise": _elbo_with(
                width=lambda v: 0 * v
            ),
            "the KL counts twice: is its ½ missing?": _elbo_with(
                kl=lambda m, v: 2 * gaussian_kl(m, v)
            ),
            "only the reconstruction: subtract the KL": _elbo_with(kl=lambda m, v: 0.0),
            "noise of its own: use the `noise` that is handed over": lambda vae, x, noise: (
                _elbo_of(vae, x, torch.randn_like(noise))
            ),
            "summed over the batch: return one for each image, (B,)": lambda vae, x, noise: (
                _elbo_of(vae, x, noise).sum()
            ),
            "one number for the batch: return one for each image, (B,)": lambda vae, x, noise: (
                _elbo_of(vae, x, noise).mean()
            ),
        },
        hint="reconstruction, summed over pixels, minus the KL; both (B,)",
    ),
    "06.5": Exercise(
        right={"Ada": "mean over pixels", "Ben": "no noise", "Cleo": "healthy"},
        mistakes={
            "Ben's loss is lower than Cleo's, but of an objective of his own. What does the "
            "honest loss on test digits say, and his reconstructions?": {"Ben": "healthy"},
            "Ada's encoder says the same of every digit: look at her KL per dimension": {
                "Ada": "healthy"
            },
            "Cleo is healthy; what do Ada's loss of less than "
            "one nat and Ben's σ tell you?": When(
                lambda a: word(a["Cleo"]) == "healthy",
                {"Ada": "no noise", "Ben": "mean over pixels", "Cleo": "healthy"},
            ),
        },
        hint='use the words "healthy", "mean over pixels" and "no noise"',
    ),
    "06.6": Exercise(
        right=_iwae,
        probes=_some_log_weights,
        domain=_more_log_weights,
        mistakes={
            "a mean of logarithms is the ELBO; take the "
            "logarithm of the mean weight": lambda w: w.mean(0),
            "log K is missing: a mean, not a sum, of weights": lambda w: w.logsumexp(0),
            "the mean runs over the images; it belongs over "
            "the K draws, the first axis": lambda w: (
                w.logsumexp(-1) - torch.tensor(float(w.shape[-1])).log()
            ),
            "the logarithm at the end is missing": lambda w: w.exp().mean(0),
            "right in principle, but exp(−900) is 0 on a computer: use torch.logsumexp": When(
                lambda given: (
                    bool(torch.isinf(torch.as_tensor(given[1])).any())
                    and bool(
                        torch.allclose(given[0], _iwae(*_some_log_weights()[0]), atol=1e-4)
                    )
                ),
                lambda w: w.exp().mean(0).log(),
            ),
        },
        hint="log (1/K) Σ exp(log_weights), over the first axis",
    ),
    "06.7": Exercise(
        right=784.0,
        mistakes={
            "the other way round: relative to the reconstruction the KL *grew*": 1 / 784,
            "28 is one side of the image; the mean divides by all its pixels": 28.0,
            "the batch is averaged in both terms here, so its size cancels": 784.0 * 128,
            "the two latents are summed in both; only the pixels' mean counts": 392.0,
            "a common factor would not matter, but only one of the terms has it": 1.0,
        },
        hint="write her objective as a number times (reconstruction − β·KL)",
    ),
    "06.8": Exercise(
        right=0.0,
        tol=1e-8,
        mistakes={
            "p(x, z)/q(z) is p(x) for every z then: how much does a constant vary?": 1.0,
            "that is not it: put q(z) = p(z|x) into log p(x, z) − log q(z)": When(
                lambda value: float(value) > 0, 0.5
            ),
            "a variance is never negative. If this is the estimator's value: how "
            "much does it vary with z?": When(lambda value: float(value) < 0, -1.9),
        },
    ),
}

PREDICTIONS = {
    "06.11": Prediction(),
    "06.12": Prediction(),
    "06.13": Prediction(low=0),
}
