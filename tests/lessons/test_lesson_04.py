"""Lesson 04's right answers in other forms, for test_answers; and what its patients show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, pad

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.evaluation import modes_covered, total_variation
from course_lib.lessons.lesson_04.faults import faults
from course_lib.models import DCGAN
from course_lib.training import Source, fit

ROOT = Path(__file__).parents[2]


# 04.1 and 04.2 -------------------------------------------------------------------------------
def size_by_asking(i, k, s, p, extra):
    layer = nn.ConvTranspose2d(1, 1, k, s, p, output_padding=extra)
    return layer(torch.zeros(1, 1, i, i)).shape[-1]


def insert(y, s, trailing=False):
    """By a Kronecker product with a corner."""
    corner = torch.zeros(s, s, dtype=y.dtype)
    corner[0, 0] = 1
    wide = torch.kron(y, corner)
    return wide if trailing or s == 1 else wide[..., : 1 - s, : 1 - s]


def upsampled(turn, around, trailing=False):
    def answer(y, kernel, stride, padding):
        sides = [around(kernel.shape[-1], padding)] * 4
        return conv2d(pad(insert(y, stride, trailing), sides), turn(kernel))

    return answer


def half_turn(kernel):
    return torch.rot90(kernel, 2, (2, 3))


def by_autograd(y, kernel, stride, padding):
    """The gradient of a convolution in its input."""
    sides = [(n - 1) * stride - 2 * padding + kernel.shape[-1] for n in y.shape[2:]]
    x = torch.zeros(len(y), 1, *sides, dtype=y.dtype, requires_grad=True)
    out = conv2d(x, kernel, stride=stride, padding=padding)
    return torch.autograd.grad(out, x, y)[0]


# 04.3 and 04.4 -------------------------------------------------------------------------------
def counted_by_torch(before, after, kernel, normalised):
    layer = nn.ConvTranspose2d(before, after, kernel, bias=False)
    norm = nn.BatchNorm2d(after) if normalised else nn.Identity()
    return sum(p.numel() for p in nn.Sequential(layer, norm).parameters())


def field_backwards(layers):
    size = 1
    for kernel, stride in reversed(layers):
        size = (size - 1) * stride + kernel
    return size


DIAGNOSIS = {"A": "labels above 1", "B": "data left in [0, 1]", "C": "healthy"}


def operations(G, D, factor=2):
    return lambda n, g, d, peak: factor * n * (G * g + D * d) / peak


RIGHT = [
    ("04.1", size_by_asking),
    ("04.1", lambda i, k, s, p, extra: s * i - s - p - p + k + extra),
    ("04.2", upsampled(half_turn, lambda k, p: k - 1 - p)),
    ("04.2", by_autograd),
    ("04.3", counted_by_torch),
    ("04.3", lambda a, b, k, n: b * (a * k * k + 2 * n)),
    ("04.4", field_backwards),
    ("04.5", DIAGNOSIS),
    ("04.5", DIAGNOSIS | {"B": "the data left in [0,1]"}),
    ("04.5", {run: word.upper() for run, word in DIAGNOSIS.items()}),
    ("04.6", operations(3, 8)),
    ("04.6", lambda n, g, d, peak: n / peak * (2 * g + 4 * g + 6 * d + 6 * d + 4 * d)),
    ("04.7", {2, 4, 6}),
    ("04.6", operations(3, 7)),
    ("04.7", [6, 4, 2]),
    ("04.7", range(2, 7, 2)),
    ("04.7", torch.tensor([2, 4, 6])),
]


# The patients --------------------------------------------------------------------------------
SMALL = {"shape": (1, 8, 8), "width": 2, "latent": 3, "batch": 6, "seed": 1, "init": "torch"}


def first_losses(model):
    pixels = torch.randint(
        0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )
    data = DataSet(pixels)
    terms = model.game().round[0].losses(Source(data, 6, seed=3))["D"]
    real = model.seen(Source(data, 6, seed=3).batch().x)
    return {name: value.item() for name, value in terms.items()}, real


def test_the_healthy_patient_is_the_library():
    assert type(faults["C"](**SMALL)) is DCGAN


def test_all_patients_start_alike():
    """The fault is in how it is played, so a diagnosis needs the training."""
    weights = [faults[run](**SMALL).state_dict() for run in "ABC"]
    for name, tensor in weights[2].items():
        assert torch.equal(tensor, weights[0][name]) and torch.equal(tensor, weights[1][name])


def test_a_descends_the_cross_entropy_with_a_label_of_1_2_and_no_other_term():
    model, healthy = (faults[run](**SMALL) for run in "AC")
    found, _ = first_losses(model)
    wanted, _ = first_losses(healthy)
    logit = model.on_real.detach().double()
    entropy = -(1.2 * logit.sigmoid().log() + (1 - 1.2) * (1 - logit.sigmoid()).log()).mean()
    assert found["real"] == pytest.approx(entropy.item(), abs=1e-6)
    assert found["real"] != pytest.approx(wanted["real"], abs=1e-3)
    assert found["fake"] == pytest.approx(wanted["fake"], abs=1e-6)


def test_b_shows_real_images_on_half_of_the_range():
    _, real = first_losses(faults["B"](**SMALL))
    assert real.min() >= 0 and real.max() <= 1
    _, real = first_losses(faults["C"](**SMALL))
    assert real.min() < -0.9


def test_a_trained_patient_a_has_a_loss_below_zero():
    data = DataSet(torch.zeros(12, 1, 8, 8, dtype=torch.uint8))
    found = [
        fit(faults[run](lr=0.02, **SMALL), data, rounds=40, progress=False) for run in "AC"
    ]
    assert found[0].term("D.real").min() < 0 <= found[1].term("D.real").min()


def test_an_unknown_patient_is_named():
    with pytest.raises(CourseError, match="run"):
        faults["D"]


# The recorded repairs ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded():
    return json.loads((ROOT / "data" / "a2.json").read_text("utf-8"))


def last(recorded, experiment):
    return [run["rows"][-1] for run in recorded["runs"] if run["experiment"] == experiment]


def test_every_recorded_row_has_read_ten_thousand_samples(recorded):
    rows = [row for run in recorded["runs"] for row in run["rows"]]
    assert rows and all(sum(row["counts"]) == 10_000 for row in rows)
    assert sum(recorded["data"]) == 60_000


def test_recorded_runs_are_of_the_networks_that_the_library_builds(recorded):
    for run in recorded["runs"]:
        given = {}
        for changed in recorded["repairs"].values() if run["experiment"] != "course" else ():
            given |= changed
            if changed is recorded["repairs"].get(run["experiment"]):
                break
        recipe = "course" if run["experiment"] == "course" else "a2"
        built = json.loads(json.dumps(DCGAN(recipe, seed=run["seed"], **given).settings))
        before = {"order": "alternating"}  # how all played, before it was a setting
        assert before | run["settings"] == built


def test_the_course_s_recipe_covers_all_classes_with_five_seeds(recorded):
    rows = last(recorded, "course")
    assert len(rows) == 5
    for row in rows:
        counts = torch.tensor(row["counts"])
        assert modes_covered(counts) == 10
        assert total_variation(counts, torch.tensor(recorded["data"])) <= 0.10


def test_a2_wins_learns_and_forgets_with_five_seeds(recorded):
    """What the lesson says of the failing exhibit, of every seed."""
    runs = [run for run in recorded["runs"] if run["experiment"] == "a2"]
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    for run in runs:
        at = {row["round"]: row for row in run["rows"]}
        counts = {mark: torch.tensor(row["counts"]) for mark, row in at.items()}
        apart = {
            mark: total_variation(found, torch.tensor(recorded["data"]))
            for mark, found in counts.items()
        }
        assert all(row["d_loss"] < 0.2 for row in run["rows"])
        assert [modes_covered(counts[mark]) for mark in (350, 500, 700, 1000)] == [9] * 4
        assert min(apart, key=apart.get) in (350, 500, 700)
        assert apart[2000] > apart[500] + 0.1
        assert counts[500][[3, 8]].sum() < counts[2000][[3, 8]].sum() > 5_000


def test_every_step_of_the_repair_was_recorded(recorded):
    assert {run["experiment"] for run in recorded["runs"]} == {*recorded["repairs"], "course"}
