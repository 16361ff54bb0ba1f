"""Lesson 07's right answers in other forms, for test_answers; and what its patients show."""

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
def kl_by_where(eigenvalues, sigma2, beta=1.0):
    ratio = eigenvalues / (beta * sigma2)
    return torch.where(ratio > 1, ratio.sqrt().log(), torch.zeros_like(ratio))


def kl_in_a_loop(eigenvalues, sigma2, beta=1.0):
    return torch.tensor(
        [max(0.0, 0.5 * math.log(v / beta / sigma2)) for v in eigenvalues.tolist()]
    )


# 07.2 to 07.6 ----------------------------------------------------------------------------------
def count_in_a_loop(means, least=0.01):
    return sum(means[:, j].var().item() > least for j in range(means.shape[1]))


def sigma_by_mse(x, decoded):
    return math.sqrt(torch.nn.functional.mse_loss(decoded, x).item())


def charge_in_a_loop(kl, free):
    return sum(max(kl[:, j].mean(), 0 * kl[0, j] + free) for j in range(kl.shape[1]))


def shares_by_logsumexp(log_weights):
    return (log_weights - log_weights.logsumexp(0)).exp()


HEALTHY, ENDLESS, DROPPED = "healthy", "warm-up never ends", "normaliser dropped"


def diagnosis(lea, max_, nia):
    return {"Lea": lea, "Max": max_, "Nia": nia}


RIGHT = [
    ("07.1", kl_by_where),
    ("07.1", kl_in_a_loop),
    ("07.2", active_units),
    ("07.2", count_in_a_loop),
    ("07.3", lambda dims, weight=1.0: (dims * weight / 2) ** 0.5),
    ("07.3", lambda dims, weight=1.0: np.sqrt(0.5 * dims * weight)),
    ("07.4", sigma_by_mse),
    ("07.4", lambda x, y: torch.linalg.norm(x - y) / x.numel() ** 0.5),
    ("07.5", charge_in_a_loop),
    ("07.5", lambda kl, free: torch.maximum(kl.mean(0), torch.tensor(free).double()).sum()),
    ("07.5", lambda kl, free: sum(max(m, free) for m in kl.mean(0))),
    ("07.6", shares_by_logsumexp),
    ("07.6", lambda w: torch.softmax(w, dim=0)),
    ("07.7", diagnosis(ENDLESS, HEALTHY, DROPPED)),
    ("07.7", diagnosis("Warm-up never ends", "HEALTHY", "normaliser dropped ")),
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
