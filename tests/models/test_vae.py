"""The VAE against closed forms, quadrature and Monte Carlo; wrong forms are refused."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal as scipy_normal
from shared import refused
from torch import distributions as D
from torch import nn

from course_lib import data, models
from course_lib.models.vae import (
    bernoulli_log_likelihood,
    gaussian_kl,
    gaussian_log_likelihood,
    log_normal,
)
from course_lib.training import Source, fit, reaches


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").take(256)


def small(**more):
    return models.VAE(**{"hidden": (16,), "latent": 3, "batch": 32, "anneal": False} | more)


def gaussians(n=20, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, n, d, generator=generator, dtype=torch.float64)


# Closed forms --------------------------------------------------------------------------------
def test_gaussian_kl_equals_torch_distributions_and_wrong_forms_do_not():
    mean, log_var = gaussians()
    q, p = D.Normal(mean, (0.5 * log_var).exp()), D.Normal(torch.zeros(()).double(), 1.0)
    expected = D.kl_divergence(q, p).sum(-1)
    torch.testing.assert_close(gaussian_kl(mean, log_var), expected, atol=1e-10, rtol=0)
    sigma = (0.5 * log_var).exp()
    wrong = {
        "σ read as a standard deviation": 0.5 * (mean**2 + sigma - 1 - sigma.log()).sum(-1),
        "no ½": (mean**2 + log_var.exp() - 1 - log_var).sum(-1),
        "sign": -gaussian_kl(mean, log_var),
        "mean over latents": gaussian_kl(mean, log_var) / 5,
    }
    for name, value in wrong.items():
        assert (value - expected).abs().max() > 1e-2, name


def test_gaussian_kl_by_monte_carlo():
    mean, log_var = gaussians(1, 3)
    noise = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(1)).double()
    z = mean + (0.5 * log_var).exp() * noise
    draws = log_normal(z, mean, log_var) - log_normal(z)
    error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - gaussian_kl(mean, log_var).item()) < 5 * error
    sigma = (0.5 * log_var).exp()
    wrong = 0.5 * (mean**2 + sigma - 1 - sigma.log()).sum()
    assert abs(draws.mean() - wrong) > 10 * error


def test_log_densities_equal_torch_distributions():
    mean, log_var = gaussians()
    z = gaussians(seed=1)[0]
    found = log_normal(z, mean, log_var)
    expected = D.Normal(mean, (0.5 * log_var).exp()).log_prob(z).sum(-1)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    found = gaussian_log_likelihood(z, mean, 0.3)
    torch.testing.assert_close(found, D.Normal(mean, 0.3).log_prob(z).sum(-1))
    x = (z > 0).double()
    found = bernoulli_log_likelihood(x, mean)
    torch.testing.assert_close(found, D.Bernoulli(logits=mean).log_prob(x).sum(-1))


# A model small enough to know everything -----------------------------------------------------
def tiny(likelihood="binarised", **more):
    model = models.VAE(
        shape=(1, 2, 3), latent=1, hidden=(8,), likelihood=likelihood, **more
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2
    return model


def exact(model, x):
    """log p(x) and KL(q ‖ posterior) of flat x by quadrature over the one latent."""
    z = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    step = (z[1] - z[0]).item()
    joint = model.log_p_x_given_z(x[None], z[:, None]).squeeze(1) + log_normal(z)
    log_p = (joint.logsumexp(0) + math.log(step)).item()
    mean, log_var = model.encode(x[None])
    log_q = log_normal(z, mean, log_var)
    return log_p, (log_q.exp() * (log_q - (joint - log_p))).sum().item() * step


CASES = [("binarised", {}), ("grey", {}), ("gaussian", {"sigma": 0.3})]


@pytest.mark.parametrize(("likelihood", "more"), CASES)
@torch.no_grad()
def test_elbo_plus_gap_is_the_exact_log_likelihood(likelihood, more):
    generator = torch.Generator().manual_seed(2)
    for estimator in ("analytic", "sampled"):
        model = tiny(likelihood, estimator=estimator, **more)
        x = torch.rand(6, generator=generator, dtype=torch.float64)
        x = x.round() if likelihood == "binarised" else x
        log_p, gap = exact(model, x)
        draws = model.elbo(x.expand(100_000, 6), generator)
        error = draws.std() / math.sqrt(len(draws))
        assert abs(draws.mean() + gap - log_p) < 5 * error
        assert gap > 10 * error  # forgetting the gap would be seen


@torch.no_grad()
def test_the_importance_bound_grows_to_the_exact_log_likelihood():
    generator = torch.Generator().manual_seed(3)
    model = tiny()
    x = torch.tensor([1.0, 0, 1, 1, 0, 0]).double()
    log_p, gap = exact(model, x)
    bounds = []
    for k in (1, 4, 16, 64):
        draws = model.log_likelihood(x.expand(4000, 6), k, generator)
        bounds.append((draws.mean().item(), draws.std().item() / math.sqrt(4000)))
    assert abs(bounds[0][0] - (log_p - gap)) < 5 * bounds[0][1]  # k = 1 is the ELBO
    assert all(a[0] < b[0] + 2 * b[1] for a, b in zip(bounds, bounds[1:], strict=False))
    best = model.log_likelihood(x[None], 200_000, generator).item()
    assert abs(best - log_p) < 5e-3
    # the mean of logs, instead of the log of the mean, stays at the ELBO
    assert log_p - bounds[0][0] > 10 * bounds[0][1]


def test_both_estimators_have_the_same_mean_and_gradient():
    x = torch.tensor([[1.0, 0, 1, 1, 0, 0]]).double().expand(100_000, 6)
    results = []
    for estimator in ("analytic", "sampled"):
        model = tiny(estimator=estimator)
        draws = model.elbo(x, torch.Generator().manual_seed(4))
        (gradient,) = torch.autograd.grad(draws.mean(), model.encoder[-1].bias)
        results.append((draws.mean(), draws.std() / math.sqrt(len(draws)), gradient))
    (a, s, g), (b, t, h) = results
    assert abs(a - b) < 5 * (s + t)
    torch.testing.assert_close(g, h, atol=0.02, rtol=0.05)


def test_pixels_are_summed_never_averaged():
    x = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(5))
    model = small(likelihood="grey")
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()  # every pixel has probability ½
        found = model.elbo_terms(x)["reconstruction"]
    torch.testing.assert_close(found, torch.full((4,), -784 * math.log(2)))


# Who depends on whom -------------------------------------------------------------------------
PAPER = {"VAE.reconstruction": {"encoder", "decoder"}, "VAE.kl": {"encoder"}}


def dependencies(model, images):
    networks = {
        "encoder": list(model.encoder.parameters()),
        "decoder": list(model.decoder.parameters()),
    }
    (move,) = model.game().round
    return reaches(move.losses(Source(images, 32)), networks)


@pytest.mark.parametrize(("likelihood", "more"), CASES)
@pytest.mark.parametrize("estimator", ["analytic", "sampled"])
def test_terms_depend_on_the_networks_of_the_paper(digits, likelihood, more, estimator):
    model = small(likelihood=likelihood, estimator=estimator, **more)
    assert dependencies(model, digits) == PAPER


class NoReparameterisation(models.VAE):
    def terms(self, x, noise):
        mean, log_var = self.encode(x)
        z = (mean + (0.5 * log_var).exp() * noise).detach()
        reconstruction = self.log_p_x_given_z(self.flat(x), z)
        return {"reconstruction": reconstruction, "kl": gaussian_kl(mean, log_var)}


class KlOfThePrior(models.VAE):
    def terms(self, x, noise):
        found = super().terms(x, noise)
        return found | {"kl": gaussian_kl(noise * 0 + 1.0, noise * 0)}


class DecoderIgnoresTheCode(models.VAE):
    def terms(self, x, noise):
        mean, log_var = self.encode(x)
        reconstruction = self.log_p_x_given_z(self.flat(x), noise)
        return {"reconstruction": reconstruction, "kl": gaussian_kl(mean, log_var)}


class ReconstructionInTheKl(models.VAE):
    def terms(self, x, noise):
        found = super().terms(x, noise)
        return found | {"kl": found["kl"] - found["reconstruction"]}


@pytest.mark.parametrize(
    "mutant", [NoReparameterisation, KlOfThePrior, DecoderIgnoresTheCode, ReconstructionInTheKl]
)
def test_wrong_models_are_refused(digits, mutant):
    assert dependencies(mutant(hidden=(8,), latent=2, batch=32), digits) != PAPER


# A hand-written loop -------------------------------------------------------------------------
@pytest.mark.parametrize("likelihood", ["grey", "binarised"])
def test_the_game_is_the_hand_written_loop(digits, likelihood):
    played, written = (small(likelihood=likelihood).double() for _ in range(2))
    fit(played, digits, rounds=12, progress=False)
    source = Source(digits, 32, seed=0, dtype=torch.float64)
    optimiser = torch.optim.Adam(written.parameters(), lr=1e-3, foreach=False)
    for _ in range(12):
        x = source.batch().x.flatten(1)
        if likelihood == "binarised":
            x = (source.uniform(32, 1, 28, 28).flatten(1) < x).double()
        mean, log_var = written.encoder(x).chunk(2, 1)
        z = D.Normal(mean, torch.exp(log_var / 2))
        z = z.mean + z.stddev * source.normal(32, 3)
        p = torch.sigmoid(written.decoder(z))
        likelihoods = x * p.log() + (1 - x) * (1 - p).log()
        kl = D.kl_divergence(D.Normal(mean, torch.exp(log_var / 2)), D.Normal(0.0, 1.0))
        loss = (kl.sum(1) - likelihoods.sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for a, b in zip(played.parameters(), written.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-7)


def test_training_binarises_anew_in_every_round(digits):
    model, seen = small(), []
    terms = model.terms
    model.terms = lambda x, noise: (seen.append(x), terms(x, noise))[1]
    fit(model, digits.take(32), rounds=2, progress=False)
    first, second = (x.flatten(1).sum(1).sort().values for x in seen)
    assert set(seen[0].unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)  # the same 32 digits, drawn twice


# Samples, settings, refusals -----------------------------------------------------------------
@pytest.mark.parametrize(("likelihood", "more"), CASES)
def test_samples_are_means_or_draws(likelihood, more):
    model = small(likelihood=likelihood, **more)
    seed = torch.Generator().manual_seed
    means = model.sample(5, generator=seed(1))
    draws = model.sample(5, generator=seed(1), noise=True)
    assert means.shape == draws.shape == (5, 1, 28, 28)
    assert 0 <= means.min() and means.max() <= 1 and not torch.equal(means, draws)
    assert torch.equal(means, model.sample(5, generator=seed(1)))
    if likelihood != "gaussian":
        assert set(draws.unique().tolist()) <= {0.0, 1.0}
    assert model.reconstruct(means, seed(2)).shape == means.shape


def test_the_report_recipe_is_a4():
    model = models.VAE(recipe="report")
    shapes = [
        tuple(m.weight.shape) for m in [*model.encoder, *model.decoder] if hasattr(m, "weight")
    ]
    assert shapes == [(256, 784), (4, 256), (256, 2), (784, 256)]
    s = model.settings
    assert (s["batch"], s["lr"], s["rounds"], s["likelihood"]) == (128, 1e-3, 200 * 469, "grey")
    assert {type(m) for m in model.encoder} == {nn.Linear, nn.ReLU}


def test_a_learned_sigma_learns(digits):
    model = small(likelihood="gaussian", sigma="learned")
    fit(model, digits, rounds=5, progress=False)
    assert model.log_sigma.item() != pytest.approx(math.log(0.2), abs=1e-4)
    fixed = small(likelihood="gaussian", sigma=0.4)
    fit(fixed, digits, rounds=2, progress=False)
    assert fixed.log_sigma.exp().item() == pytest.approx(0.4)


def test_what_a_vae_refuses():
    refused(lambda: models.VAE(likelihood="bernouli"), "likelihood")
    refused(lambda: models.VAE(likelihood="gaussian"), "needs sigma")
    refused(lambda: models.VAE(sigma=0.3), "only it does")
    refused(lambda: models.VAE(likelihood="gaussian", sigma=-1.0), "above 0", "'learned'")
    refused(lambda: models.VAE(estimator="exact"), "estimator")
    refused(lambda: small().elbo(torch.zeros(2, 1, 32, 32)), "(2, 1, 32, 32)")
    refused(lambda: small().log_likelihood(torch.zeros(2, 784), k=0), "importance samples")
    refused(lambda: small().sample(2, labels=torch.zeros(2)), "unconditional")


# A prior fitted to the codes -----------------------------------------------------------------
@torch.no_grad()
def test_the_fitted_prior_is_the_best_gaussian_for_draws_of_the_codes():
    """Against scipy's maximum of the likelihood of 200 000 draws of q(z|x)."""
    model, generator = small().double().train(), torch.Generator().manual_seed(5)
    model.encoder[-1].weight[:3] *= 6  # means far apart, so that both parts of S count
    x = torch.rand(200, 1, 28, 28, generator=generator, dtype=torch.float64)
    prior, (mean, log_var) = model.fitted_prior(x), model.encode(x)
    noise = torch.randn(1000, 200, 3, generator=generator, dtype=torch.float64)
    z = (mean + (0.5 * log_var).exp() * noise).flatten(0, 1)
    best = scipy_normal.logpdf(z, *scipy_normal.fit(z.numpy())).mean()
    allowed = 3 * (3 + 6) / (2 * len(z))  # nats; nine numbers were fitted to these draws
    assert 0 <= best - prior.log_prob(z).mean() < allowed
    parts = torch.cov(mean.T, correction=0), log_var.exp().mean(0).diag()
    for wrong in (*parts, (parts[0] + parts[1]).diagonal().diag()):
        wrong_prior = D.MultivariateNormal(prior.mean, wrong)
        assert best - wrong_prior.log_prob(z).mean() > 10 * allowed
    assert model.training and not prior.mean.requires_grad


@torch.no_grad()
def test_the_fitted_prior_of_a_linear_encoder_in_closed_form():
    """z = Vx + b + σε has the covariance V Cov(x) Vᵀ + diag σ²."""
    model = models.VAE(shape=(1, 4, 4), latent=2, hidden=()).double()
    (layer,) = model.encoder
    layer.weight[2:] = 0  # σ is the same for all x
    x = torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(6)).double()
    C = torch.from_numpy(np.cov(x.flatten(1).numpy(), rowvar=False, bias=True))
    V, b, log_var = layer.weight[:2], layer.bias[:2], layer.bias[2:]
    prior = model.fitted_prior(x)
    expected = V @ C @ V.T + log_var.exp().diag()
    torch.testing.assert_close(prior.covariance_matrix, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(prior.mean, V @ x.flatten(1).mean(0) + b, atol=1e-12, rtol=0)
    assert model.decode(prior.sample((3,))).shape == (3, 1, 4, 4)
    one = model.fitted_prior(x[:1])  # of a single image: its own q(z|x)
    torch.testing.assert_close(one.variance, log_var.exp())


def test_what_a_fitted_prior_refuses(digits):
    model = small()
    for x in (torch.rand(0, 1, 28, 28), torch.full((2, 1, 28, 28), math.nan)):
        refused(lambda x=x: model.fitted_prior(x), f"codes of {len(x)} images", "finite")
    refused(lambda: model.fitted_prior(digits.images), "Expected floats")
