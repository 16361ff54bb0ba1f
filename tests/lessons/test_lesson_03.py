"""Lesson 03's right answers in other forms, for test_answers; and what its samplers show."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_lib import data, evaluation
from course_lib.evaluation import distances, neighbours
from course_lib.lessons.lesson_03 import exercises as lesson_03
from course_lib.lessons.lesson_03.faults import Sampler, faults


# 03.1 ----------------------------------------------------------------------------------------
def floor_by_class(p, n, m):
    """Half the sum of mean absolute deviations, class by class."""
    sds = [math.sqrt(float(c) * (1 - float(c)) * (n + m) / (n * m)) for c in p]
    return 0.5 * math.sqrt(2 / math.pi) * sum(sds)


# 03.2 ----------------------------------------------------------------------------------------
def frechet_by_matrices(mean_a, sd_a, mean_b, sd_b):
    return evaluation.gaussian_frechet(mean_a, (sd_a**2).diag(), mean_b, (sd_b**2).diag())


def frechet_expanded(mean_a, sd_a, mean_b, sd_b):
    return ((mean_a - mean_b) ** 2 + sd_a**2 + sd_b**2 - 2 * sd_a * sd_b).sum().item()


# 03.3 ----------------------------------------------------------------------------------------
def kid_by_loops(a, b):
    n, dims = a.shape
    k = lambda x, y: (float(x @ y) / dims + 1) ** 3
    within = sum(
        k(s[i], s[j]) for s in (a, b) for i in range(n) for j in range(n) if i != j
    ) / (n * (n - 1))
    between = sum(k(x, y) for x in a for y in b) / n**2
    return within - 2 * between


def kid_by_library(a, b):
    return evaluation.kid(a, b)[0]


# 03.4 ----------------------------------------------------------------------------------------
def precision_by_loops(real, fake, k):
    radii = [sorted((r - s).norm().item() for s in real)[k] for r in real]
    hits = [((real - f).norm(dim=1) < torch.tensor(radii)).any().item() for f in fake]
    return sum(hits) / len(hits)


def precision_by_library(real, fake, k):
    return evaluation.prdc(real, fake, k).precision


# 03.5 ----------------------------------------------------------------------------------------
def score_by_entropies(p):
    entropy = lambda q: -torch.xlogy(q, q).sum(-1)
    return math.exp(entropy(p.mean(0)) - entropy(p).mean())


def score_by_numpy(p):
    p = p.numpy()
    ratio = np.where(p > 0, p / p.mean(0, keepdims=True), 1.0)
    return np.exp((p * np.log(ratio)).sum(1).mean())


# 03.7 ----------------------------------------------------------------------------------------
def held_by_all(seconds, scores, target):
    for i, at in enumerate(seconds):
        if all(score <= target for score in scores[i:]):
            return at
    return math.inf


def held_by_numpy(seconds, scores, target):
    worst_from_here = np.maximum.accumulate(np.array(scores)[::-1])[::-1]
    there = np.flatnonzero(worst_from_here <= target)
    return seconds[there[0]] if len(there) else float("inf")


HEALTHY = {"Lea": "smoothed", "Mo": "ten pictures", "Nia": "healthy", "Oto": "recites"}


RIGHT = [
    ("03.1", floor_by_class),
    (
        "03.1",
        lambda p, n, m: ((p - p**2) * (n + m) / (n * m)).sqrt().sum() / (2 * np.pi) ** 0.5,
    ),
    ("03.2", frechet_by_matrices),
    ("03.2", frechet_expanded),
    ("03.3", kid_by_loops),
    ("03.3", kid_by_library),
    ("03.4", precision_by_loops),
    ("03.4", precision_by_library),
    ("03.5", score_by_entropies),
    ("03.5", score_by_numpy),
    ("03.6", HEALTHY),
    ("03.6", {name: word.title().replace(" ", "-") for name, word in HEALTHY.items()}),
    ("03.6", {name.lower(): word for name, word in HEALTHY.items()}),
    ("03.7", held_by_all),
    ("03.7", held_by_numpy),
]


# The samplers --------------------------------------------------------------------------------
N = 300


@pytest.fixture(scope="module")
def sheets():
    """What each sampler's 300 samples get against test digits, and their floors."""
    digits, test = data.load("digits"), data.load("digits", "test")
    train, fresh = digits.subset(slice(0, 5000)), digits.subset(slice(5000, 10_000))
    real, others = test.images[:N], test.images[N : 2 * N]
    at = evaluation.image_features(real, "digits")
    judge = evaluation.digit_classifier()

    def scores(images):
        seen = evaluation.image_features(images, "digits")
        found, sharp = evaluation.prdc(at, seen), evaluation.sharpness
        apart = neighbours.nearest(images[:100], train.images / 255.0)
        return {
            "FD": distances.fitted_frechet(seen, at),
            "recall": found.recall,
            "precision": found.precision,
            "modes": evaluation.modes_covered(evaluation.class_histogram(images, judge)),
            "blur": evaluation.distribution_distance(sharp(images), sharp(real)),
            "copies": (apart < 0.1).double().mean(),
        }

    generator = torch.Generator().manual_seed(0)
    samplers = {name: made(train, fresh) for name, made in faults.items()}
    found = {name: scores(s.sample(N, generator=generator)) for name, s in samplers.items()}
    return found | {"real": scores(others.float() / 255)}


def test_nia_is_at_every_floor(sheets):
    nia, real = sheets["Nia"], sheets["real"]
    assert nia["FD"] < 1.6 * real["FD"] and nia["recall"] > 0.9 and nia["modes"] == 10
    assert nia["copies"] == 0 and nia["blur"] < 0.3


def test_oto_recites_and_no_distance_tells(sheets):
    oto, real = sheets["Oto"], sheets["real"]
    assert oto["copies"] == 1
    assert oto["FD"] < 1.6 * real["FD"] and oto["recall"] > 0.9 and oto["blur"] < 0.3


def test_mo_is_precise_and_recalls_nothing(sheets):
    mo, real = sheets["Mo"], sheets["real"]
    assert mo["precision"] == 1 and mo["modes"] == 10 and mo["blur"] < 1
    assert mo["recall"] == 0 and mo["FD"] > 4 * real["FD"] and mo["copies"] == 0


def test_lea_is_told_by_her_pixels(sheets):
    lea, real = sheets["Lea"], sheets["real"]
    assert lea["precision"] > 0.9 and lea["modes"] == 10 and lea["copies"] == 0
    assert lea["blur"] > 5 * max(real["blur"], 0.2) and lea["recall"] < real["recall"]


def test_a_sampler_repeats_itself_for_a_seed():
    sampler = Sampler(torch.rand(9, 1, 8, 8))
    draws = [sampler.sample(5, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws) and sampler.shape == (1, 8, 8)


# The floor -----------------------------------------------------------------------------------
def test_the_floor_is_what_two_histograms_of_one_distribution_show():
    p = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    torch.manual_seed(0)
    a, b = (torch.distributions.Multinomial(n, p).sample((4000,)) / n for n in (200, 500))
    scores = (a - b).abs().sum(1) / 2
    error = scores.std() / 4000**0.5
    assert abs(scores.mean() - lesson_03._floor(p, 200, 500)) < 5 * error
