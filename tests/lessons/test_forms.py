"""What a check takes for right, the rest of the lesson takes, too: also in single precision, and
as a number where the solution gives a tensor of one, or the reverse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from forms import (
    PLAYS,
    double,
    each,
    expanded,
    formed,
    functions,
    inferred,
    learning,
    narrow,
    precisions,
    single,
    turn,
)

from course_lib.checks import exercise
from course_lib.checks.trial import probes

LESSONS = [f"{number:02d}" for number in range(14)]


def test_what_is_narrowed():
    third = torch.tensor([1.0], dtype=torch.float64) / 3
    found = narrow({"kept": 1}), narrow((1 / 3, [third], 3, "a"))
    assert found[0] == {"kept": 1}
    number, (tensor,), whole, word = found[1]
    assert number == tensor.item() != 1 / 3 and abs(number - 1 / 3) < 1e-7
    assert tensor.dtype == torch.float64 and (whole, word) == (3, "a")
    assert formed(lambda x: x / 3, narrow)(1.0) == number
    assert functions("x = 1\ndef f():\n    def g(): pass\n") == ["f"]


def test_what_is_turned():
    one, many = torch.tensor(0.5), torch.tensor([0.5])
    assert type(turn(one)) is float and turn(many) is many
    assert turn(one.requires_grad_()) is one
    assert formed(lambda x: x / 3, narrow, turn)(1.0).shape == ()


def test_other_forms_hold_the_same_numbers():
    x = {"a": (torch.tensor([1.5, 2.0]), 3)}
    for form, kind in (
        (single, torch.float32),
        (double, torch.float64),
        (expanded, torch.float32),
    ):
        tensor, whole = form(x)["a"]
        assert tensor.tolist() == [1.5, 2.0] and tensor.dtype == kind and whole == 3
    assert learning(x)["a"][0].requires_grad and each(inferred)(x)["a"][0].is_inference()


def played(lesson, row):
    code = Path(__file__).with_name("forms.py")
    places = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", code, lesson, row],
        env=os.environ | {"PYTHONPATH": places, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("row", PLAYS)
def test_a_right_answer_in_another_form_stops_no_later_cell(lesson, row):
    found = played(lesson, row)
    assert found["failed"] == [] and found["taken"]
    if row != "numbers":
        return  # answers of another precision are handed on to others
    for number, called in found["taken"].items():
        asked = exercise(number)
        tried = set(map(str, asked.precisions)).union(*map(precisions, probes(asked, {})))
        assert set(called) <= tried, f"{number} is called in another way than its check tries"
