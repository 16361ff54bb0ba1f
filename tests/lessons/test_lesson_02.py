"""Lesson 02's exercises: right forms pass, known mistakes are told; the broken runs are broken."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import training
from course_lib.checks import check, exercise, numbers
from course_lib.data import toy
from course_lib.errors import CourseError
from course_lib.lessons.lesson_02 import exercises as lesson_02
from course_lib.lessons.lesson_02.faults import faults

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"
BCE = F.binary_cross_entropy_with_logits


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)


def d_loss_by_bce(real, fake):
    return {
        "fake": BCE(fake, torch.zeros_like(fake)),
        "real": BCE(real, torch.ones_like(real)),
    }


def d_loss_by_the_trap(real, fake):
    trap = nn.BCELoss()
    return {
        "real": trap(real.sigmoid(), torch.ones_like(real)),
        "fake": trap(fake.sigmoid(), torch.zeros_like(fake)),
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

WRONG = [
    ("02.1", lambda p, q: p / q, "that is the ratio"),
    ("02.1", lambda p, q: q / (p + q), "classes are swapped"),
    ("02.1", lambda p, q: p.log() - q.log(), "logit"),
    ("02.1", lambda p, q: torch.ones_like(p) / 2, "where the game ends"),
    ("02.2", lambda r, f: d_loss_by_bce(f, r), None),
    ("02.2", d_loss_by_the_trap, "the trap of section 5"),
    ("02.2", lambda r, f: d_loss_by_bce(-r, -f), "labels are swapped"),
    ("02.2", lambda r, f: {k: -v for k, v in d_loss_by_bce(r, f).items()}, "D's loss is −V"),
    ("02.2", lambda r, f: {k: v / 2 for k, v in d_loss_by_bce(r, f).items()}, "halved"),
    ("02.2", lambda r, f: {k: v * len(r) for k, v in d_loss_by_bce(r, f).items()}, "a sum"),
    ("02.2", lambda r, f: d_loss_by_bce(r.sigmoid(), f.sigmoid()), "sigmoid too many"),
    (
        "02.2",
        lambda r, f: {
            "real": -torch.log(torch.sigmoid(r)).mean(),
            "fake": -torch.log(1 - torch.sigmoid(f)).mean(),
        },
        "infinite in float32",
    ),
    ("02.2", lambda r, f: sum(d_loss_by_bce(r, f).values()), "dictionary"),
    ("02.3", lambda f, o: F.softplus(-f).mean(), "ignored"),
    ("02.3", lambda f, o: F.softplus(f).mean(), "G would help D"),
    ("02.3", lambda f, o: abs(g_loss_by_bce(f, o)), "lost its sign"),
    ("02.3", lambda f, o: g_loss_by_bce(f.sigmoid(), o), "sigmoid too many"),
    ("02.4", lambda x, y, eta: (x - eta * y, y + eta * x), "simultaneous"),
    ("02.4", lambda x, y, eta: (x - eta * (y + eta * x), y + eta * x), "y moved first"),
    ("02.4", lambda x, y, eta: (x - eta * y, y - eta * (x - eta * y)), "y climbs"),
    ("02.5", {"A": "sigmoid twice", "B": "healthy", "C": "label flipped"}, "two are found"),
    ("02.5", {"A": "stale fakes", "B": "healthy", "C": "sigmoid twice"}, "never passes"),
    ("02.5", {"A": "healthy", "B": "stale fakes", "C": "sigmoid twice"}, "below .31"),
    ("02.5", {"A": "sigmoid twice", "B": "stale fakes", "C": "healthy"}, "all go to zero"),
    ("02.6", torch.full((100,), 0.02), "Spread them out"),
    ("02.6", torch.full((100,), math.exp(-5.08)), "the mean isn't .02"),
    ("02.6", half_and_half(1000, high=0.2, low=1e-6), "too large"),
    ("02.6", [0.03, 0.01] * 50, "too small"),
    ("02.6", torch.tensor([0.02, 1.5]), "above 0 and below 1"),
    ("02.7", 0, "rounding"),
    ("02.7", 199, "well above"),
]


@pytest.mark.parametrize(("number", "answer"), RIGHT)
def test_right_answers_pass(number, answer):
    assert check(number, answer)


@pytest.mark.parametrize(("number", "answer", "message"), WRONG)
def test_likely_mistakes_are_told(capsys, number, answer, message):
    assert not check(number, answer)
    assert message is None or message in capsys.readouterr().out


def test_two_right_forms_of_each():
    for number in numbers("02"):
        assert sum(asked == number for asked, _ in RIGHT) >= 2, number


@pytest.mark.parametrize("number", list(lesson_02.EXERCISES))
def test_every_known_mistake_is_told_apart(capsys, number):
    for mistake in exercise(number).mistakes:
        if mistake.predicate is None:
            assert not check(number, mistake.answer)
            assert mistake.message in capsys.readouterr().out


@pytest.mark.parametrize("number", list(lesson_02.EXERCISES))
def test_dots_are_not_answered_yet(capsys, number):
    assert not check(number, ...)
    assert capsys.readouterr().out == f"· {number}: not answered yet\n"


def test_the_lesson_asks_what_is_checked():
    text = (SOURCE / "02_gan.py").read_text("utf-8")
    asked = set(re.findall(r'check\("(02\.\d+)"', text))
    assert asked == set(numbers("02"))


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
