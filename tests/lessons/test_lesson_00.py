"""Lesson 00's exercises: two right ways pass, and every mistake that they know is told."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib.checks import check, exercise, numbers
from course_lib.lessons.lesson_00 import exercises as lesson_00

SOURCE = Path(__file__).parents[2] / "notebooks" / "source"


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)


def entropy_by_categorical(counts):
    return torch.distributions.Categorical(probs=counts).entropy() / math.log(2)


def entropy_by_loop(counts):
    total = counts.sum().item()
    shares = [c / total for c in counts.tolist() if c > 0]
    return -sum(p * math.log2(p) for p in shares)


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("00.1", 784),
        ("00.1", torch.empty(1, 28, 28).numel()),
        ("00.2", lambda n, batch: math.ceil(n / batch)),
        ("00.2", lambda n, batch: (n + batch - 1) // batch),
        ("00.2", lambda n, batch: len(torch.arange(n).split(batch))),
        ("00.3", lambda images: (images.float() / 255) * 2 - 1),
        ("00.3", lambda images: (images.double() - 127.5) / 127.5),
        ("00.3", lambda images: np.asarray(images, dtype=np.float32) / 127.5 - 1),
        ("00.4", lambda picture: picture.permute(2, 0, 1)[None]),
        ("00.4", lambda picture: picture.unsqueeze(0).movedim(-1, 1)),
        ("00.4", lambda picture: picture.numpy().transpose(2, 0, 1)[None]),
        ("00.5", lambda errors: errors.sum(dim=(1, 2, 3)).mean()),
        ("00.5", lambda errors: errors.sum() / len(errors)),
        ("00.5", lambda e: F.l1_loss(e, 0 * e, reduction="sum") / len(e)),
        ("00.6", entropy_by_categorical),
        ("00.6", entropy_by_loop),
        ("00.7", 100),
        ("00.7", 100.0),
    ],
)  # fmt: skip
def test_right_answers_pass(number, answer):
    assert check(number, answer)


def entropy_with_nan(counts):
    p = counts / counts.sum()
    return -(p * p.log2()).sum()


def out_of_place_bytes(images):
    return (images * 2) / 255 - 1


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("00.1", 56, "rows times columns"),
        ("00.1", (1, 28, 28), "that is the shape"),
        ("00.2", lambda n, batch: n // batch, "leaves out the last"),
        ("00.2", lambda n, batch: n / batch, "round up"),
        ("00.2", lambda n, batch: n // batch + 1, "not 601"),
        ("00.3", lambda images: images / 255, "tanh gives values from −1 to 1"),
        ("00.3", out_of_place_bytes, "bytes wrap around"),
        ("00.3", lambda images: images / 128 - 1, "255/128"),
        ("00.4", lambda picture: picture.view(1, 3, *picture.shape[:2]), "permute"),
        ("00.4", lambda picture: picture.permute(2, 1, 0)[None], "lies on its side"),
        ("00.4", lambda picture: picture.permute(2, 0, 1), "one axis for the batch"),
        ("00.5", torch.mean, "E14"),
        ("00.5", lambda errors: errors.sum(), "grows with B"),
        ("00.5", lambda errors: errors.flatten(1).sum(1), "one number for each image"),
        ("00.6", lambda counts: entropy_by_loop(counts) * math.log(2), "in nats"),
        ("00.6", entropy_with_nan, "0 · log 0"),
        ("00.7", 10, "√10"),
    ],
)
def test_likely_mistakes_are_told(capsys, number, answer, message):
    assert not check(number, answer)
    assert message in capsys.readouterr().out


@pytest.mark.parametrize("number", list(lesson_00.EXERCISES))
def test_every_known_mistake_differs_from_the_right_answer_and_from_the_others(capsys, number):
    asked = exercise(number)
    for mistake in asked.mistakes:
        if mistake.predicate is None:
            assert not check(number, mistake.answer)
            assert mistake.message in capsys.readouterr().out


@pytest.mark.parametrize("number", list(lesson_00.EXERCISES))
def test_dots_are_not_answered_yet(capsys, number):
    assert not check(number, ...)
    assert capsys.readouterr().out == f"· {number}: not answered yet\n"


def test_the_lesson_asks_what_is_checked():
    text = (SOURCE / "00_start_here.py").read_text("utf-8")
    asked = set(re.findall(r'check\("(00\.\d+)"', text))
    assert asked == set(numbers("00"))


def test_the_graph_shows_the_lessons_that_are_there():
    text = (SOURCE / "00_start_here.py").read_text("utf-8")
    written = set(re.search(r'^written = "([\d ]+)"', text, re.MULTILINE)[1].split())
    assert written == {path.name[:2] for path in SOURCE.glob("[0-9][0-9]_*.py")}


@pytest.mark.parametrize("lesson", sorted({number[:2] for number in numbers()}))
def test_in_every_lesson_known_mistakes_are_told_and_dots_are_open(capsys, lesson):
    for number in numbers(lesson):
        assert not check(number, ...)
        assert "not answered yet" in capsys.readouterr().out
        for mistake in exercise(number).mistakes:
            if mistake.predicate is None and not takes_context(number):
                assert not check(number, mistake.answer), (number, mistake.message)
                assert "not yet: " in capsys.readouterr().out, (number, mistake.message)


def takes_context(number: str) -> bool:
    asked = exercise(number)
    return (asked.probes is None and callable(asked.right)) or (
        callable(asked.probes) and bool(inspect.signature(asked.probes).parameters)
    )
