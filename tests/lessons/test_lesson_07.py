"""Lesson 07's answers, right and wrong, for test_answers; and what its patients show."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.lessons.lesson_07 import exercises as lesson_07
from course_lib.lessons.lesson_07.faults import faults
from course_lib.models import VAE
from course_lib.models.vae import active_units, free_bits_kl, gaussian_log_likelihood

ROOT = Path(__file__).parents[2]


# 07.1 ------------------------------------------------------------------------------------------
def kl_by_where(eigenvalues, sigma2, beta):
    ratio = eigenvalues / (beta * sigma2)
    return torch.where(ratio > 1, ratio.sqrt().log(), torch.zeros_like(ratio))


def kl_as_a_list(eigenvalues, sigma2, beta):
    return [max(0.0, 0.5 * math.log(v / beta / sigma2)) for v in eigenvalues.tolist()]


def kl_of(ratio):
    """½ log of another ratio, cut at 0."""
    return lambda e, s, b: (0.5 * torch.log(ratio(e, s, b))).clamp(min=0)


# 07.2 to 07.6 ----------------------------------------------------------------------------------
def count_in_a_loop(means):
    return sum(means[:, j].var().item() > 0.01 for j in range(means.shape[1]))


def sigma_by_mse(x, decoded):
    return math.sqrt(torch.nn.functional.mse_loss(decoded, x).item())


def charge_in_a_loop(kl, free):
    return sum(max(kl[:, j].mean(), 0 * kl[0, j] + free) for j in range(kl.shape[1]))


def shares_by_logsumexp(log_weights):
    return (log_weights - log_weights.logsumexp(0)).exp().numpy()


def shares_that_underflow(log_weights):
    return log_weights.exp() / log_weights.exp().sum(0)


HEALTHY, ENDLESS, DROPPED = "healthy", "warm-up never ends", "normaliser dropped"


def diagnosis(lea, max_, nia):
    return {"Lea": lea, "Max": max_, "Nia": nia}


RIGHT = [
    ("07.1", kl_by_where),
    ("07.1", kl_as_a_list),
    ("07.2", active_units),
    ("07.2", count_in_a_loop),
    ("07.3", lambda dims, weight: (dims * weight / 2) ** 0.5),
    ("07.3", lambda dims, weight: np.sqrt(0.5 * dims * weight)),
    ("07.4", sigma_by_mse),
    ("07.4", lambda x, y: torch.linalg.norm(x - y) / x.numel() ** 0.5),
    ("07.5", charge_in_a_loop),
    ("07.5", lambda kl, free: torch.maximum(kl.mean(0), torch.tensor(free).double()).sum()),
    ("07.6", shares_by_logsumexp),
    ("07.6", lambda w: torch.softmax(w, dim=0)),
    ("07.7", diagnosis(ENDLESS, HEALTHY, DROPPED)),
    ("07.7", diagnosis("Warm-up never ends", "HEALTHY", "normaliser dropped ")),
]
WRONG = [
    ("07.1", lambda e, s, b: 0.5 * (e / (b * s)).log(), "a KL below zero"),
    ("07.1", lambda e, s, b: 2 * kl_by_where(e, s, b), "the factor ½ is missing"),
    ("07.1", kl_of(lambda e, s, b: 1 + e / (b * s)), "takes λ for the signal alone"),
    ("07.1", kl_of(lambda e, s, b: e / s), "β is not used"),
    ("07.1", kl_of(lambda e, s, b: b * e / s), "β stands on the wrong side"),
    ("07.1", kl_of(lambda e, s, b: e / (b**2 * s)), "β squared"),
    ("07.1", kl_of(lambda e, s, b: e / (b * s**2)), "squared once more"),
    ("07.2", lambda m: int(((m**2).mean(0) > 0.01).sum()), "constant but not 0"),
    ("07.2", lambda m: int((m.std(0) > 0.01).sum()), "Burda compares the variance"),
    ("07.2", lambda m: int((m.var(1) > 0.01).sum()), "runs over the latents"),
    ("07.2", lambda m: (m.var(0) > 0.01).float().mean().item(), "this is a share"),
    ("07.2", lambda m: int((m.var(0) < 0.01).sum()), "the dead ones"),
    ("07.3", lambda dims, weight: dims * weight / 2, "this is σ²"),
    ("07.3", lambda dims, weight: (dims * weight) ** 0.5, "½ of the Gaussian is missing"),
    ("07.3", lambda dims, weight: (weight / 2) ** 0.5, "the mean divides by D as well"),
    ("07.3", lambda dims, weight: (dims / weight / 2) ** 0.5, "the weight stands on the wrong"),
    ("07.3", lambda dims, weight: 1, "σ = 1 belongs to"),
    ("07.3", lambda dims, weight: 0.5**0.5, "σ = 1/√2 belongs to"),
    ("07.4", lambda x, y: ((x - y) ** 2).mean(), "this is σ²"),
    ("07.4", lambda x, y: (x - y).norm(dim=1).square().mean().sqrt(), "a sum over the D"),
    ("07.4", lambda x, y: (x - y).abs().mean(), "a Laplace density"),
    ("07.4", lambda x, y: (x - y).std(), "takes the mean error away"),
    ("07.4", lambda x, y: ((x - y) ** 2).mean(1).sqrt().mean(), "a mean of roots"),
    ("07.4", lambda x, y: ((x - y) ** 2).mean(0).sqrt(), "one σ for each pixel"),
    ("07.5", lambda kl, f: kl.clamp(min=f).sum(1).mean(), "each image is given its free nats"),
    (
        "07.5",
        lambda kl, f: max(f, kl.sum(1).mean().item()),
        "the free nats are given to the sum",
    ),
    ("07.5", lambda kl, f: (kl.mean(0) - f).relu().sum(), "right gradient, another number"),
    ("07.5", lambda kl, f: kl.mean(0).clamp(max=f).sum(), "a largest value instead"),
    ("07.5", lambda kl, f: kl.mean(0).clamp(min=f).mean(), "a mean over the latents"),
    ("07.5", lambda kl, f: kl.sum(1).mean(), "`free` is not used"),
    ("07.5", lambda kl, f: charge_in_a_loop(kl, f).item(), "no gradient comes through"),
    ("07.5", lambda kl, f: charge_in_a_loop(kl.detach(), f), "no gradient comes through"),
    ("07.6", lambda w: torch.ones_like(w) / len(w), "equal weights give the ELBO's"),
    ("07.6", lambda w: w.softmax(1), "normalised over the images"),
    ("07.6", torch.exp, "not normalised"),
    ("07.6", lambda w: w / w.sum(0), "as if they were weights"),
    ("07.6", lambda w: w - w.logsumexp(0), "these are their logarithms"),
    ("07.6", shares_that_underflow, "exp(−900) is 0"),
    ("07.7", diagnosis(ENDLESS, DROPPED, HEALTHY), "Nia's loss is never negative"),
    ("07.7", diagnosis(HEALTHY, ENDLESS, DROPPED), "Lea's reconstructions are the best"),
    ("07.7", diagnosis(DROPPED, ENDLESS, ENDLESS), "Max's own loss"),
]


# The exercises against the models that the lesson speaks of --------------------------------------
def test_the_answer_to_free_bits_is_the_librarys_charge():
    generator = torch.Generator().manual_seed(0)
    mean, log_var = 0.5 * torch.randn(2, 20, 6, generator=generator, dtype=torch.float64)
    kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var)
    found = lesson_07.charged(kl, 0.1)
    torch.testing.assert_close(found, free_bits_kl(mean, log_var, 0.1).mean())


def test_public_codes_weight_amounts_to_the_sigma_that_the_lesson_prints():
    assert lesson_07.implied_sigma(3 * 64 * 64, 0.00025) == pytest.approx(1.24, abs=0.005)
    assert lesson_07.implied_sigma(3 * 64 * 64) == pytest.approx(78.4, abs=0.05)


def test_the_best_sigma_is_the_likelihoods_maximum():
    ((x, decoded),) = lesson_07._pairs()
    best = lesson_07.best_sigma(x, decoded)
    there = gaussian_log_likelihood(x, decoded, best).mean()
    for factor in (0.98, 1.02):
        assert gaussian_log_likelihood(x, decoded, factor * best).mean() < there


# Patients ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def vae() -> VAE:
    model = VAE(shape=(1, 8, 8), hidden=(8,), latent=3, likelihood="gaussian", sigma="learned")
    with torch.no_grad():  # away from the start: means and widths that differ
        for parameter in model.parameters():
            parameter.mul_(1.7)
    return model.double()


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(5, 1, 8, 8, generator=generator, dtype=torch.float64)
    return x, torch.randn(5, 3, generator=generator, dtype=torch.float64)


def elbo(vae, batch):
    terms = vae.terms(*batch)
    return terms["reconstruction"] - terms["kl"]


def test_only_max_climbs_the_elbo_once_warm(vae, batch):
    for name, objective in faults.items():
        found = objective(vae, *batch, 1.0)
        right = torch.allclose(found, elbo(vae, batch))
        assert right == (name == "Max"), name


def test_lea_differs_in_the_weight_of_the_kl_alone(vae, batch):
    found = faults["Lea"](vae, *batch, 1.0)
    terms = vae.terms(*batch)
    torch.testing.assert_close(found, terms["reconstruction"] - 0.05 * terms["kl"])


def test_nia_lacks_the_normaliser_and_so_wants_a_larger_sigma(vae, batch):
    patients = faults
    missing = patients["Max"](vae, *batch, 0.1) - patients["Nia"](vae, *batch, 0.1)
    normaliser = -64 * (vae.log_sigma + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(missing, normaliser.expand(5))
    vae.zero_grad()
    patients["Nia"](vae, *batch, 1.0).mean().backward()
    assert vae.log_sigma.grad > 0  # climbing makes σ grow, however large it is
    with torch.no_grad():
        vae.log_sigma += 5
    vae.zero_grad()
    patients["Nia"](vae, *batch, 1.0).mean().backward()
    assert vae.log_sigma.grad > 0
    with torch.no_grad():
        vae.log_sigma -= 5


def test_all_warm_up_alike_at_the_start(vae, batch):
    patients = faults
    torch.testing.assert_close(patients["Lea"](vae, *batch, 0), patients["Max"](vae, *batch, 0))


# The recorded table ------------------------------------------------------------------------------
FILE = ROOT / "data" / "collapse.json"


@pytest.fixture(scope="module")
def recorded() -> dict:
    return json.loads(FILE.read_text("utf-8"))


def test_the_recorded_table_is_whole_and_all_of_one_length(recorded):
    rows = recorded["rows"]
    assert {(r["way"], r["seed"]) for r in rows} == {
        (way, seed) for way in recorded["ways"] for seed in (0, 1, 2)
    }
    assert {r["rounds"] for r in rows} == {recorded["settings"]["rounds"]}


def test_each_recorded_row_agrees_with_itself(recorded):
    for row in recorded["rows"]:
        assert row["elbo"] == pytest.approx(row["reconstruction"] - row["kl"], abs=0.01)
        assert sum(row["kl_each"]) == pytest.approx(row["kl"], abs=0.05)
        assert row["kl_each"] == sorted(row["kl_each"], reverse=True)
        assert len(row["kl_each"]) == recorded["settings"]["latent"] >= row["active"]
