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
    assert len(seeds) == 6 and set(seeds) == set(recorded["settings"])
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


def final_distances(recorded, method, which="own", moment=-1):
    rows = [row for row in recorded["rows"] if row["method"] == method]
    return [row["moments"][moment][which]["fd"] for row in rows]


def test_the_recorded_games_are_as_the_lesson_says(recorded):
    """Every sentence below the table that compares methods."""
    missing = {}
    for row in recorded["rows"]:
        counts = row["moments"][-1]["own"]["counts"]
        missing.setdefault(row["method"], []).append(sum(n < 200 for n in counts))
    assert min(missing["wgan"]) == 2 and max(missing["wgan"]) == 4
    assert set(missing["two time scales"]) == {1, 2} and set(missing["sn-gan"]) == {2}
    assert all(set(missing[name]) == {0} for name in ("gan", "wgan-gp", "r1"))

    at_end = {name: final_distances(recorded, name) for name in recorded["settings"]}
    order = sorted(at_end, key=lambda name: sum(at_end[name]))
    assert order == ["gan", "r1", "wgan-gp", "two time scales", "sn-gan", "wgan"]
    overlap = [
        (one, other)
        for one, other in zip(order, order[1:], strict=False)
        if max(at_end[one]) >= min(at_end[other])
    ]
    assert overlap == [("gan", "r1"), ("wgan-gp", "two time scales"), ("sn-gan", "wgan")]

    for moment in (0, 1):  # an eighth and a quarter
        others = [
            fd
            for name in recorded["settings"]
            if name != "r1"
            for fd in final_distances(recorded, name, moment=moment)
        ]
        assert max(final_distances(recorded, "r1", moment=moment)) < min(others)

    for name in ("wgan", "wgan-gp"):
        own = sum(at_end[name])
        assert sum(final_distances(recorded, name, "averaged")) > own
    for name in ("gan", "r1"):
        assert sum(final_distances(recorded, name, "averaged")) < sum(at_end[name])

    factors = {row["method"]: row["factor"] for row in recorded["rows"]}
    assert {name for name, factor in factors.items() if factor != 4.0} == {"sn-gan"}
    gradients = {}
    for row in recorded["rows"]:
        gradients.setdefault(row["method"], []).append(row["moments"][-1]["d_gradient"][0])
    assert min(gradients, key=lambda name: sum(gradients[name])) == "r1"


def test_the_rates_were_chosen_by_training_digits_held_back(recorded):
    assert all(trial["held_back"] > 0 for trial in recorded["trials"])
