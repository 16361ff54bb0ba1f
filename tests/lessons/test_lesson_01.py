"""Lesson 01's checks: right answers in several forms pass, likely mistakes are recognised."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_lib.checks import check
from course_lib.lessons.lesson_01 import exercises as lesson_01
from course_lib.lessons.lesson_01.faults import faults
from course_lib.models import ProbabilisticPCA

F64 = torch.float64


@pytest.fixture(autouse=True)
def learners_copy(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)


def kl_by_mask(p, q):
    here = p > 0
    return (p[here] * (p[here].log() - q[here].log())).sum().item()


def error_by_numpy(values):
    values = values.numpy()
    return float(np.std(values)) / math.sqrt(len(values))


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
    variance = float(values[q:].sum() / (x.shape[1] - q))
    return mean, -axes[:q].T * (values[:q] - variance).sqrt(), variance


RIGHT = {
    "01.1": [lesson_01.kl, kl_by_mask],
    "01.2": [lesson_01.standard_error, error_by_numpy],
    "01.3": [lesson_01.posterior, posterior_by_precision],
    "01.4": [lesson_01.log_mean_exp, log_mean_exp_by_hand],
    "01.5": [lesson_01.fit_ppca, ppca_by_svd],
    "01.6": [
        lesson_01.bits_per_dim,
        lambda log_prob, d: 8 - log_prob / d * math.log2(math.e),
    ],
    "01.7": [
        {"A": "weights forgotten", "B": "healthy", "C": "mean of logs"},
        {"C": "Mean of logs", "A": "weights-forgotten", "B": "Healthy"},
    ],
}


@pytest.mark.parametrize(
    ("number", "answer"), [(n, answer) for n, answers in RIGHT.items() for answer in answers]
)
def test_right_in_more_than_one_form(number, answer, capsys):
    assert check(number, answer)
    assert f"✓ {number}" in capsys.readouterr().out


def spectrum(x):
    values, vectors = torch.linalg.eigh(x.T.cov(correction=0))
    return x.mean(0), values, vectors


def plain_pca(x, q):
    mean, values, vectors = spectrum(x)
    return mean, vectors[:, -q:] * values[-q:].sqrt(), values[:-q].mean()


def no_root(x, q):
    mean, values, vectors = spectrum(x)
    variance = values[:-q].mean()
    return mean, vectors[:, -q:] * (values[-q:] - variance), variance


def least_eigenvalue(x, q):
    mean, values, vectors = spectrum(x)
    return mean, vectors[:, -q:] * (values[-q:] - values[0]).sqrt(), values[0]


def upside_down(x, q):
    mean, values, vectors = spectrum(x)
    variance = values[q:].mean()
    return mean, vectors[:, :q] * (values[:q] - variance).sqrt(), variance


def unbiased(x, q):
    mean, values, vectors = spectrum(x)
    values = values * len(x) / (len(x) - 1)
    variance = values[:-q].mean()
    return mean, vectors[:, -q:] * (values[-q:] - variance).sqrt(), variance


WRONG = {
    "01.1": [
        (lambda p, q: torch.special.xlogy(q, q / p).sum(), "under p"),
        (lambda p, q: (q * (q / p).log()).sum(), "under p"),
        (lambda p, q: lesson_01.kl(p, q) / math.log(2), "bits"),
        (lambda p, q: -lesson_01.kl(p, q), "sign"),
        (lambda p, q: -(p * q.log()).sum(), "cross-entropy"),
        (lambda p, q: torch.special.xlogy(p, p / q).mean(), "mean over"),
        (lambda p, q: (p * (p / q).log()).sum(), "0 · log 0"),
    ],
    "01.2": [
        (lambda v: v.std(), "single values"),
        (lambda v: v.std() / len(v), "√n"),
        (lambda v: v.var() / len(v), "root"),
        (lambda v: v.var() / len(v) ** 0.5, "not its square"),
        (lambda v: (v**2).mean() ** 0.5 / len(v) ** 0.5, "from 0"),
    ],
    "01.3": [
        (lesson_01._wide, "σ² is missing"),
        (lesson_01._uncentred, "not subtracted"),
        (lesson_01._deviation, "σ stands where"),
        (lesson_01._mixed, "here it has σ"),
        (lesson_01._no_noise, "least squares"),
        (
            lambda *a: (lesson_01.posterior(*a)[0], lesson_01.posterior(*a)[1].diag()),
            "diagonal",
        ),
        (lambda *a: lesson_01.posterior(*a)[0], "two things"),
    ],
    "01.4": [
        (lambda a: a.mean(0), "mean of the logs"),
        (lambda a: a.logsumexp(0), "log K"),
        (lambda a: a.logsumexp(-1) - math.log(a.shape[-1]), "first axis"),
        (lambda a: a.exp().mean(0).log(), "underflows"),
        (lambda a: a.exp().mean(0), "logarithm of the mean"),
    ],
    "01.5": [
        (plain_pca, "plain PCA"),
        (no_root, "root of"),
        (least_eigenvalue, "not the smallest"),
        (upside_down, "upwards"),
        (unbiased, "not by N − 1"),
    ],
    "01.6": [
        (lambda lp, d: -lp / (d * math.log(2)), "256 is missing"),
        (lambda lp, d: lp / (d * math.log(2)) + 8, "sign"),
        (lambda lp, d: -lp / d + 8, "nats are not bits"),
        (lambda lp, d: -lp / math.log(2) + 8, "divide by D"),
        (lambda lp, d: (-lp / math.log(2) + 8) / d, "its 8 bits"),
        (lambda lp, d: -lp * math.log(2) / d + 8, "multiplied"),
        (lambda lp, d: -lp / (d * math.log(2)) + math.log(256), "natural logarithm"),
        (lambda lp, d: -lp / (d * math.log(2)) - 8, "added"),
        (lambda lp, d: lp / (d * math.log(2)) - 8, "negative"),
    ],
    "01.7": [
        ({"A": "healthy", "B": "weights forgotten", "C": "mean of logs"}, "above"),
        ({"A": "weights forgotten", "B": "mean of logs", "C": "healthy"}, "more draws"),
        ({"A": "mean of logs", "B": "healthy", "C": "weights forgotten"}, "which side"),
        ({"A": "healthy", "B": "healthy", "C": "healthy"}, "once"),
    ],
}


@pytest.mark.parametrize(
    ("number", "answer", "says"), [(n, *case) for n, cases in WRONG.items() for case in cases]
)
def test_a_likely_mistake_is_told_by_its_name(number, answer, says, capsys):
    assert not check(number, answer)
    line = capsys.readouterr().out
    assert says in line and "not yet" in line, line


def open_question(*given): ...


@pytest.mark.parametrize("number", RIGHT)
def test_not_answered_yet(number, capsys):
    assert not check(number, ...)
    assert "not answered yet" in capsys.readouterr().out
    if number != "01.7":
        assert not check(number, open_question)
        assert "not answered yet" in capsys.readouterr().out


def test_something_else_is_wrong_without_an_error(capsys):
    for number in RIGHT:
        assert not check(number, lambda *given: torch.zeros(17))
        assert number in capsys.readouterr().out


def test_every_exercise_of_the_lesson_is_tested():
    assert set(RIGHT) == set(WRONG) == set(lesson_01.EXERCISES)


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
