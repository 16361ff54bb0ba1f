"""Lesson 09's right answers in other forms, for test_answers; what its broken runs and report
A's rebuilt code do; and that the recorded ablation says what it is."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch

from course_lib import data, training
from course_lib.errors import CourseError
from course_lib.lessons.lesson_09.faults import faults
from course_lib.lessons.lesson_09.report import report_game
from course_lib.models import CVAEGAN
from course_lib.models.parts.centres import Centres
from course_lib.training import reaches

ROOT = Path(__file__).parents[2]


# 09.1 ----------------------------------------------------------------------------------------
TABLE = {"C": ["L_C"], "D": ["L_D"], "G": ["L_GD", "L_G", "L_GC"], "E": ["L_G", "L_KL"]}


# 09.2 and 09.3 -------------------------------------------------------------------------------
def matching_by_loop(real, drawn):
    total = 0.0
    for a, b in zip(real.T, drawn.T, strict=True):
        total += (sum(a.tolist()) / len(a) - sum(b) / len(b)) ** 2
    return total / 2


def centre_by_library(old, batch, n, decay):
    """A history whose centre is `old` after n − 1 batches."""
    centres = Centres(1, len(old), decay).to(old.dtype)
    centres.centres.copy_(old if n > 1 else torch.zeros_like(old))
    centres.batches.fill_(n - 1)
    return centres.moved(batch[None], old.new_ones(1, 1))[0][0]


def centre_by_weights(old, batch, n, decay):
    newest, all_of_it = 1.0, sum(decay**k for k in range(n))
    return (newest * batch + (all_of_it - newest) * old) / all_of_it


LN2 = math.log(2)
TRUTH = {"A": "noise for a label", "B": "healthy", "C": "pixel mean"}
RIGHT = [
    ("09.1", TABLE),
    ("09.1", {player: set(terms) for player, terms in TABLE.items()}),
    ("09.2", matching_by_loop),
    ("09.2", lambda r, d: (r.mean(0) - d.mean(0)).norm() ** 2 / 2),
    ("09.3", centre_by_library),
    ("09.3", centre_by_weights),
    ("09.4", 62.7),
    ("09.4", torch.tensor(49_152 / 784)),
    ("09.5", (2.079, 2.303)),
    ("09.5", [3 * LN2, torch.tensor(10.0).log()]),
    ("09.1", {"C": "L_C", "D": "L_D", "G": "L_GD L_G L_GC".split(), "E": ["L KL", "l_g"]}),
    ("09.6", 50_000),
    ("09.6", 50_176),
    ("09.6", 64 * 784.0),
    ("09.7", TRUTH),
    ("09.7", {run: word.upper() for run, word in TRUTH.items()}),
]


# The broken runs -----------------------------------------------------------------------------
SMALL = {"width": 4, "dense": 16, "latent": 12, "batch": 32}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").take(2000)


def owned(model):
    networks = {"E": model.encoder, "G": model.generator}
    networks |= {"D": model.discriminator, "C": model.classifier}
    return {name: list(network.parameters()) for name, network in networks.items()}


def first(model, digits):
    return model.game().round[0].losses(training.Source(digits, 32, seed=0))


def total(terms):
    return sum(float(value.detach()) for value in terms.values())


@pytest.mark.parametrize("run", "ABC")
def test_every_run_begins_at_3_log_2_and_log_10(run, digits):
    """So the first line convicts none of them but by L_G."""
    losses = first(faults[run](**SMALL), digits)
    assert total(losses["D"]) == pytest.approx(3 * LN2, abs=0.25)
    assert total(losses["C"]) == pytest.approx(math.log(10), abs=0.25)
    rebuilt = losses["G"]["reconstruction"].item()
    assert rebuilt < 5 if run == "C" else rebuilt > 50


def test_run_b_is_algorithm_1_and_the_others_are_not(digits):
    models = {run: faults[run](**SMALL, seed=3) for run in "ABC"}
    assert type(models["B"]) is CVAEGAN
    wanted = {n: v.item() for n, v in first(models["B"], digits)["G"].items()}
    for run, term in (("A", "class means"), ("C", "reconstruction")):
        found = {n: v.item() for n, v in first(models[run], digits)["G"].items()}
        assert found[term] != pytest.approx(wanted[term], rel=1e-3)


def test_run_a_tells_g_no_label_when_it_draws(digits):
    model = faults["A"](**SMALL)
    x, labels = 2 * digits.batch(slice(0, 8)).x - 1, digits.labels[:8]
    noise, z_p = torch.randn(2, 8, 12, generator=torch.Generator().manual_seed(0))
    one, other = (model.forward_pass(x, c, noise, z_p) for c in (labels, (labels + 1) % 10))
    assert torch.equal(one.drawn, other.drawn)
    assert not torch.equal(one.rebuilt, other.rebuilt)


def test_run_c_silences_its_encoder(digits):
    kept = {}
    for run in "BC":
        model = faults[run](**SMALL, lr=3e-3)
        options = {"rounds": 30, "seed": 1, "preview": False, "progress": False}
        terms = training.fit(model, digits, **options).terms
        kept[run] = terms["E.kl"][-10:].mean() / model.settings["lambdas"][0]
    assert kept["C"] < 0.1 * kept["B"]


def test_an_unknown_run_is_refused():
    with pytest.raises(CourseError, match="run"):
        faults["D"]


# Report A's code -----------------------------------------------------------------------------
def test_reports_code_begins_as_its_log_and_depends_on_what_it_says(digits):
    model = CVAEGAN(**SMALL)
    (move,) = report_game(model).round
    losses = move.losses(training.Source(digits, 32, seed=0))
    assert total(losses["D"]) == pytest.approx(1.3814, abs=0.25)
    assert total(losses["C"]) == pytest.approx(0.6999, abs=0.25)
    assert {player.name for player in move.players} == {"D", "C", "EG"}
    found = reaches(losses, owned(model))
    assert found["EG.fool"] == {"E", "G", "D"} and found["EG.class"] == {"E", "G", "C"}
    assert found["D.fake"] == {"D", "G"}, "its fakes know nothing of E"


def test_reports_code_kills_its_encoder(digits):
    model = CVAEGAN(**SMALL, lr=3e-3)
    game = report_game(model)
    options = {"rounds": 30, "seed": 1, "preview": False, "progress": False}
    kl = training.fit(model, digits, game=game, **options).terms["EG.kl"] / 32
    assert kl[-1] < 0.05 and kl[-1] < 0.2 * kl[0]


# The recorded ablation -----------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded():
    return json.loads((ROOT / "data" / "ablation.json").read_text("utf-8"))


def maker(monkeypatch):
    """The script that recorded it, as a module; data/ is no package."""
    monkeypatch.syspath_prepend(ROOT / "data")
    where = ROOT / "data" / "make_ablation.py"
    spec = importlib.util.spec_from_file_location("make_ablation", where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_variant_has_the_same_three_seeds_or_more(recorded):
    seeds = {}
    for row in recorded["rows"]:
        seeds.setdefault(row["variant"], []).append(row["seed"])
    assert list(recorded["variants"]) == list(seeds) and len(seeds) == 6
    assert all(sorted(own) == sorted(set(own)) for own in seeds.values())
    assert len({frozenset(own) for own in seeds.values()}) == 1
    assert len(seeds["full"]) >= 3


def test_the_settings_of_the_ablation_are_the_courses(recorded):
    course = json.loads(json.dumps(CVAEGAN.recipes["course"]))
    assert recorded["settings"].items() <= course.items()
    assert len(recorded["settings"]) >= len(course) - 2
    rounds = training.budget("laptop").rounds(course["rounds"])
    assert {row["rounds"] for row in recorded["rows"]} == {rounds}


def test_a_variant_leaves_out_what_its_name_says(recorded, monkeypatch):
    made, full = maker(monkeypatch), recorded["variants"]["full"]
    for name, found in recorded["variants"].items():
        assert found == json.loads(json.dumps(made.settings(name)))
        left_out = {
            *(f"λ{i + 1}" for i in range(4) if found["lambdas"][i] != full["lambdas"][i]),
            *("xDC"[i] for i in range(3) if found["matched"][i] != full["matched"][i]),
        }
        assert (
            left_out
            == {
                "full": set(),
                "without D": {"D", "λ3"},
                "without C": {"C", "λ4"},
                "without L_GD": {"λ3"},
                "without L_GC": {"λ4"},
                "pixels alone": {"D", "C", "λ3", "λ4"},
            }[name]
        )


def test_recorded_scores_are_scores(recorded):
    for row in recorded["rows"]:
        assert 0 < row["agreement"] <= 1 and 0 < row["gan_train"] < 1
        assert row["diversity"] > 0 and row["kl"] > 0 and 0 < row["mse"] < 0.3
        assert row["fd"] > recorded["real"]["fd"] and row["cpu_seconds"] > 0 and row["torch"]
