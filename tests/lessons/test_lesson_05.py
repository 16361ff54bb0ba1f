"""Lesson 05's right answers in other forms, for test_answers; what its broken runs do; and
that the recorded games say what they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from course_lib import models, training
from course_lib.data import toy
from course_lib.errors import CourseError
from course_lib.lessons.lesson_05.faults import faults
from course_lib.models.parts import critics

ROOT = Path(__file__).parents[2]


# 05.1 ----------------------------------------------------------------------------------------
def by_two_moves(eta):
    return torch.tensor([[1, 0], [eta, 1]]) @ torch.tensor([[1, -eta], [0, 1]])


def by_columns(eta):
    """What becomes of (1, 0) and of (0, 1)."""
    columns = []
    for x, y in ((1.0, 0.0), (0.0, 1.0)):
        x = x - eta * y
        columns.append([x, y + eta * x])
    return torch.tensor(columns).T


# 05.3 ----------------------------------------------------------------------------------------
def w1_by_area(x, y):
    """∫ |F − G| dt, exactly: both are steps."""
    places = torch.cat([x, y]).sort().values
    F, G = ((s[:, None] <= places[:-1]).float().mean(0) for s in (x, y))
    return ((F - G).abs() * places.diff()).sum()


def w1_by_numpy(x, y):
    import numpy as np

    return np.abs(np.sort(x.numpy()) - np.sort(y.numpy())).mean()


def w1_by_greedy(x, y):
    n = len(x)
    return (
        sum(abs(a - b) for a, b in zip(sorted(x.tolist()), sorted(y.tolist()), strict=True)) / n
    )


# 05.4 ----------------------------------------------------------------------------------------
def penalty_by_jacobian(critic, real, fake, epsilon):
    at = fake + epsilon.unsqueeze(1) * (real - fake)
    slope = torch.autograd.functional.jacobian(lambda x: critic(x).sum(), at, create_graph=True)
    return torch.mean((torch.sqrt((slope**2).sum(1)) - 1) ** 2)


def penalty_with(norm=lambda s: s.norm(dim=1), cost=None, where=None, graph=True):
    cost = cost or (lambda size: ((size - 1) ** 2).mean())
    where = where or (lambda real, fake, e: e[:, None] * real + (1 - e[:, None]) * fake)

    def penalty(critic, real, fake, epsilon):
        at = where(real, fake, epsilon).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(at).sum(), at, create_graph=graph)
        return cost(norm(slope))

    return penalty


# 05.5 ----------------------------------------------------------------------------------------
def sigma_by_norm(W, v, steps):
    for _ in range(steps):
        v = W.t() @ (W @ v)
        v = v / torch.linalg.vector_norm(v)
    return (W @ v).norm()


def sigma_by_rayleigh(W, v, steps):
    for _ in range(steps):
        v = torch.nn.functional.normalize(
            W.T @ torch.nn.functional.normalize(W @ v, dim=0), dim=0
        )
    return (v @ W.T @ W @ v).sqrt()


TRUTH = {"A": "G's sign turned", "B": "penalty without gradient", "C": "healthy"}
RIGHT = [
    ("05.1", by_two_moves),
    ("05.1", by_columns),
    ("05.2", 1),
    ("05.2", 2 * torch.tensor(0.5)),
    ("05.3", w1_by_area),
    ("05.3", w1_by_numpy),
    ("05.3", w1_by_greedy),
    ("05.4", critics.gradient_penalty),
    ("05.4", penalty_by_jacobian),
    ("05.4", penalty_with()),
    ("05.5", sigma_by_norm),
    ("05.5", sigma_by_rayleigh),
    ("05.6", TRUTH),
    ("05.6", {run: word.upper() for run, word in TRUTH.items()}),
]


# The broken runs -----------------------------------------------------------------------------
def played(run):
    ring = toy.Ring(modes=8, radius=2.0, sigma=0.05)
    settings = {"shape": (2,), "latent": 2, "hidden": (32, 32), "batch": 64, "lr": 2e-3}
    model = models.GAN("wgan-gp", **settings, betas=(0.0, 0.9), seed=3)
    options = {"rounds": 60, "seed": 3, "preview": False, "progress": False}
    game = faults[run](model)
    terms = training.fit(model, ring.data_set(4000, seed=2), game=game, **options).terms
    fakes = model.generate(torch.randn(300, 2, generator=torch.Generator().manual_seed(0)))
    late = slice(-10, None)
    distance = -(terms["D.real"] + terms["D.fake"])[late].mean()
    return distance, terms["D.penalty"][late].mean(), fakes.norm(dim=1).mean().item()


def test_the_three_runs_differ_as_the_lesson_says():
    """A's fakes walk away, and its critic says how far; B's critic is too steep; C is well."""
    far, steep, well = (played(run) for run in "ABC")
    assert far[2] > 6 > well[2], "A leaves the ring"
    assert 0.5 * far[2] < far[0] < 4 * far[2], "and its critic says about how far"
    assert steep[2] < 6 and steep[1] > 30 * max(far[1], well[1]), "B's penalty is not felt"


def test_an_unknown_run_is_refused():
    with pytest.raises(CourseError, match="run"):
        faults["D"](models.GAN("wgan-gp", shape=(2,)))


# The recorded games --------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded():
    return json.loads((ROOT / "data" / "games.json").read_text("utf-8"))


def test_every_method_was_played_with_the_same_seeds(recorded):
    seeds = {}
    for row in recorded["rows"]:
        seeds.setdefault(row["method"], set()).add(row["seed"])
    assert len(seeds) == 5 and set(seeds) == set(recorded["settings"])
    assert len({frozenset(own) for own in seeds.values()}) == 1
    assert len(next(iter(seeds.values()))) >= 3


def test_recorded_rows_hold_whole_counts_and_say_what_they_took(recorded):
    for row in recorded["rows"]:
        assert row["rounds"] == recorded["settings"][row["method"]]["rounds"]
        assert row["cpu_seconds"] > 0 and row["wall_minutes"] > 0 and row["torch"]
        last = row["moments"][-1]
        assert last["round"] == row["rounds"]
        for which in ("own", "averaged"):
            assert len(last[which]["counts"]) == 10
            assert sum(last[which]["counts"]) == 10_000
            assert last[which]["fd"] > recorded["floor"]["fd"]


def test_each_method_plays_at_the_best_of_its_tried_rates(recorded):
    for method in recorded["settings"]:
        tried = {
            trial["factor"]: trial["moments"][-1]["own"]["fd"]
            for trial in recorded["trials"]
            if trial["method"] == method
        }
        assert len(tried) == 3
        used = {row["factor"] for row in recorded["rows"] if row["method"] == method}
        assert used == {min(tried, key=tried.get)}


def test_processor_time_is_about_equal(recorded):
    spent = {}
    for row in recorded["rows"]:
        spent.setdefault(row["method"], []).append(row["cpu_seconds"])
    means = [sum(times) / len(times) for times in spent.values()]
    assert max(means) < 1.6 * min(means)
