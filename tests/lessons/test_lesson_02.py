"""Lesson 02's right answers in other forms, for test_answers; and its broken runs are broken."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import training
from course_lib.data import toy
from course_lib.errors import CourseError
from course_lib.lessons.lesson_02.faults import faults

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"
BCE = F.binary_cross_entropy_with_logits


def d_loss_by_bce(real, fake):
    return {
        "fake": BCE(fake, torch.zeros_like(fake)),
        "real": BCE(real, torch.ones_like(real)),
    }


def d_loss_by_logaddexp(real, fake):
    zero = real.new_zeros(())
    return {
        "real": torch.logaddexp(zero, -real).mean(),
        "fake": torch.logaddexp(zero, fake).sum() / len(fake),
    }


def g_loss_by_bce(fake, objective):
    if objective == "non-saturating":
        return BCE(fake, torch.ones_like(fake))
    return -BCE(fake, torch.zeros_like(fake))


def g_loss_by_logsigmoid(fake, objective):
    losses = {"saturating": F.logsigmoid(-fake), "non-saturating": -F.logsigmoid(fake)}
    return losses[objective].mean()


def step_by_matrix(x, y, eta):
    one_round = np.array([[1, -eta], [eta, 1 - eta**2]])
    return tuple(one_round @ np.array([x, y]))


def step_in_one_line(x, y, eta):
    return x - eta * y, y + eta * (x - eta * y)


def half_and_half(n=100, high=0.03, low=None):
    """A batch with mean .02 needs a spread: `high` for some, a tiny value for the others."""
    share = 0.02 / high
    low = math.exp(-(5.08 + share * math.log(high)) / (1 - share)) if low is None else low
    count = round(share * n)
    return [high] * count + [low] * (n - count)


RIGHT = [
    ("02.1", lambda p, q: 1 / (1 + q / p)),
    ("02.1", lambda p, q: torch.sigmoid(p.log() - q.log())),
    ("02.1", lambda p, q: torch.exp(p.log() - torch.logaddexp(p.log(), q.log()))),
    ("02.2", d_loss_by_bce),
    ("02.2", d_loss_by_logaddexp),
    ("02.3", g_loss_by_bce),
    ("02.3", g_loss_by_logsigmoid),
    ("02.4", step_by_matrix),
    ("02.4", step_in_one_line),
    ("02.5", {"A": "sigmoid twice", "B": "healthy", "C": "stale fakes"}),
    ("02.5", {"C": "Stale fakes", "B": "Healthy", "A": "Sigmoid twice"}),
    ("02.6", torch.tensor(half_and_half(1000, high=0.2))),
    ("02.6", half_and_half(90, high=0.18)),
    ("02.6", np.array(half_and_half(1000, high=0.1))),
    ("02.7", 3),
    ("02.7", torch.tensor(3)),
]

# Break it: each run has the fingerprint that the lesson and the messages speak of -----------------


def played(run, rounds=300):
    training.seed_all(3)
    G = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))
    game = faults[run](G, D)
    ring = toy.Ring().data_set(2000)
    history = training.fit(game, ring, rounds=rounds, batch=64, progress=False)
    with torch.no_grad():
        said = torch.sigmoid(D(G(torch.randn(500, 2)))).mean().item()
    return history, said


def test_run_a_can_not_leave_the_range_of_a_second_sigmoid():
    history, said = played("A")
    assert history.term("D.real").min() >= F.softplus(torch.tensor(-1.0)) - 1e-6
    assert history.term("D.fake").min() >= math.log(2) - 1e-6
    assert 0.5 <= said <= 1 / (1 + math.exp(-1))


def test_run_b_stays_a_game():
    history, _ = played("B")
    late = sum(history.term(name)[-100:].mean() for name in ("D.real", "D.fake"))
    assert 0.5 < late < 1.6
    assert history.term("G.fake")[-100:].mean() > 0.3


def test_run_c_lets_everybody_win_by_different_fakes():
    history, said = played("C", rounds=600)
    for term in history.terms:
        assert history.term(term)[-50:].mean() < 0.15
    assert said > 0.9


def test_there_are_three_runs():
    with pytest.raises(CourseError, match="Unknown run 'E'"):
        faults["E"](nn.Sequential(), nn.Sequential())
