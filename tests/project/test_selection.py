"""Nothing is chosen by test images: a choice is made on training images that were held back.

A figure by which something was chosen is no test result. Lesson 06 says so of a report (E15), so
the course keeps to it: what tries settings and keeps the best one sees training images only.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys

import pytest
import torch
from conftest import ROOT

from course_lib import data, evaluation

CHOOSES = re.compile(r"(^|_)(best|choose|chosen|pick|select|trial|tried|try|tune)(_|$)")
FILES = [
    path
    for folder in ("course_lib", "data", "notebooks/source")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


def asks_for_test(tree: ast.AST) -> bool:
    """Whether a piece of code loads the test split."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            given = [*call.args, *(k.value for k in call.keywords if k.arg == "split")]
            values = [a.value for a in given if isinstance(a, ast.Constant)]
            if name == "load" and "test" in values:
                return True
    return False


def choosers(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and CHOOSES.search(
            node.name
        ):
            yield node


def test_no_function_that_chooses_loads_the_test_split():
    found = [
        f"{path.name}: {function.name}"
        for path in FILES
        for function in choosers(ast.parse(path.read_text("utf-8")))
        if asks_for_test(function)
    ]
    assert found == []


def test_the_rule_would_notice():
    wrong = "def best_rate():\n    x = data.load('digits', split='test')\n    return x"
    (function,) = choosers(ast.parse(wrong))
    assert asks_for_test(function)
    assert asks_for_test(ast.parse("data.load('digits', 'test')"))
    assert not asks_for_test(ast.parse("data.load('digits')"))


@pytest.fixture
def make_games(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "data"))
    spec = importlib.util.spec_from_file_location("make_games", ROOT / "data" / "make_games.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_games_choose_their_rates_on_training_digits_that_the_trial_does_not_see(
    make_games, monkeypatch, tmp_path
):
    played = []

    def play(method, factor, seed, rounds, parts, digits, real):
        played.append((parts, digits, real))
        fd = abs(factor - 1) + 1  # the middle rate is the best
        moment = {"own": {"counts": [1000] * 10, "fd": fd}, "averaged": {"fd": fd}}
        facts = {"method": method, "factor": factor, "seed": seed, "rounds": rounds}
        return facts | {"cpu_seconds": 1, "moments": [moment]}

    def features(images, name):
        return images.flatten(1)[:, ::97].double()

    monkeypatch.setattr(make_games, "play", play)
    monkeypatch.setattr(evaluation, "image_features", features)
    monkeypatch.setattr(evaluation, "frechet_distance", lambda a, b: 1.0)
    old = {"method": "gan", "factor": 4.0, "seed": 100, "moments": [{"own": {"fd": 0.0}}]}
    file = tmp_path / "games.json"  # an old recording, whose trial was judged by test digits
    file.write_text(json.dumps({"trials": [old], "rows": []}))
    arguments = ["make_games.py", "--only", "gan", "--seeds", "0", "--to", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    make_games.main()

    digits, test = data.load("digits"), data.load("digits", split="test")
    of_test = features(test.images, "digits")
    *trials, row = played
    assert len(trials) == len(make_games.FACTORS)
    held = digits.images[-make_games.HELD_BACK :]
    judges = features(held, "digits")
    for parts, learned, real in trials:
        assert parts == (make_games.TRIAL,)
        assert len(learned) + len(held) == len(digits)
        assert torch.equal(learned.images, digits.images[: len(learned)])
        assert torch.equal(real, judges)
    assert torch.equal(row[2], of_test) and len(row[1]) == len(digits)  # and reports on test
    written = json.loads(file.read_text())
    assert all(t["held_back"] == make_games.HELD_BACK for t in written["trials"])
    assert [r["factor"] for r in written["rows"]] == [1.0]
