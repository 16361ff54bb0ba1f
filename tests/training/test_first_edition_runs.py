"""Nothing that the first edition trained, drew or handed out is lost by a later one.

tests/fixtures/first_edition was written by the first edition (see make.py):
trainings stopped halfway with the end that it gave them itself, samples of its zoo, the names
of all that its checkpoints hold, and lessons as learners have them.
"""

import ast
import json
import math
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from first_edition import arithmetic, described, digest, drawn, play
from safetensors import safe_open

from course_lib import models, zoo

OLD = Path(__file__).parents[1] / "fixtures" / "first_edition"
TRAININGS = json.loads((OLD / "trainings.json").read_text("utf-8"))
NAMES = json.loads((OLD / "names.json").read_text("utf-8"))
LESSONS = json.loads((OLD / "lessons.json").read_text("utf-8"))
RUNS, ROUNDS = TRAININGS["runs"], TRAININGS["rounds"]
WITHIN = 2e-5  # other processors differ by 1e-6; a lost moment, or other noise, by 4e-4 or more


@pytest.fixture(scope="module")
def same_bits():
    """Whether this machine computes as the one that made the fixtures did."""
    return arithmetic() == TRAININGS["where"]


@pytest.fixture(scope="module")
def samples():
    return dict(np.load(OLD / "samples.npz"))


def plain(facts):
    """As JSON gives it back."""
    return json.loads(json.dumps(facts))


def inside(folder):
    """All tensors of the checkpoint in a folder."""
    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}


# Trainings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if "bare" not in name])
def test_an_old_training_is_loaded(name):
    run, folder = RUNS[name], OLD / "trainings" / name
    model = zoo.load_run(folder)
    assert type(model).__name__ == run.get("model", "GAN")
    given = {k: v for k, v in run.get("settings", {}).items() if k != "recipe"}
    assert given.items() <= plain(model.settings).items()
    kept = inside(folder)
    kept = {k.removeprefix("weights."): t for k, t in kept.items() if k.startswith("weights.")}
    assert digest(model.state_dict()) == digest(kept)
    assert not model.training and model.sample(2).isfinite().all()


@pytest.mark.parametrize("name", RUNS)
def test_an_old_training_ends_as_it_would_have(name, tmp_path, same_bits):
    run, kept = RUNS[name], inside(OLD / "trainings" / name)
    if "model" in run:
        for player in getattr(models, run["model"])(**run["settings"]).game(ROUNDS).players:
            for i, own in enumerate(player.parameters):
                # Known by number: fused Adam with another's moments would write out of bounds.
                moment = kept.get(f"optimiser.{player.name}.{i}.exp_avg", own)
                assert moment.shape == own.shape, (player.name, i)
    shutil.copytree(OLD / "trainings" / name, tmp_path / "copy")
    with warnings.catch_warnings():
        # It warns where its bits will differ, and of nothing else.
        warnings.simplefilter("error" if same_bits else "ignore")
        found, wanted = plain(play(run, tmp_path / "copy", ROUNDS)), run["end"]
    within = 0 if same_bits else run.get("within", WITHIN)
    for kind in ("tensors", "losses"):
        assert list(found[kind]) == list(wanted[kind])
        for key, values in wanted[kind].items():
            assert found[kind][key] == pytest.approx(values, rel=within, abs=within), key
    for term, values in wanted["losses"].items():  # what was recorded before the stop
        assert found["losses"][term][:6] == values[:6] and len(values) == ROUNDS
    assert found == wanted or not same_bits


# Samples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo.names())
def test_a_zoo_model_draws_what_it_drew(name, samples, same_bits):
    if f"{name}: some" not in samples:
        pytest.skip("younger than the first edition")
    model = zoo.load(name)
    for key in (name, f"{name} labels"):
        if f"{key}: some" not in samples:
            continue  # it takes no labels
        some, sums = samples[f"{key}: some"], samples[f"{key}: sums"]
        labels = samples.get(f"{key}: asked")
        labels = None if labels is None else torch.from_numpy(labels)
        few, total = drawn(model, len(some), labels)
        apart, off = np.abs(few - some), np.abs(total - sums)
        mean_off = off.max() / math.prod(model.shape)
        if type(model).__name__ == "RealNVP" and not same_bits:
            # Its pixels are whole levels: rounding may move a few by one, which is 1/255.
            assert apart.max() < 1.01 / 255 and np.mean(apart > 1e-5) < 0.03 and mean_off < 1e-4
        else:
            limit = 1e-5 if same_bits else 1e-4  # splines are steep
            assert apart.max() < limit and mean_off < limit


def test_no_zoo_model_is_gone(samples):
    assert {key.partition(":")[0].split()[0] for key in samples} <= set(zoo.names())


# Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES["models"])
def test_a_checkpoint_names_what_it_holds_as_before(name):
    (kind, recipe), wanted = name.split(), NAMES["models"][name]
    model = getattr(models, kind)(recipe=recipe)
    assert plain(model.settings) == wanted["settings"]
    found = described(model)
    for part in wanted.keys() - {"settings"}:  # in order: moments are known by number alone
        assert list(found[part].items()) == list(wanted[part].items())


SINCE = {  # settings that were chosen anew since
    "dcgan-mnist": {"lr": 4e-3},
    "vaegan-mnist": {"sigma": 0.2, "average": 0.999, "rounds": 5_000},
    "avb-mnist": {"average": 0.999, "rounds": 25_000},
    "realnvp-faces": {"rounds": 31_000},
    "realnvp-celeba": {"rounds": 31_000},
}


@pytest.mark.parametrize("name", NAMES["zoo"])
def test_a_zoo_recipe_trains_what_it_trained(name):
    recipe, wanted = zoo.RECIPES[name], NAMES["zoo"][name]
    wanted = wanted | {"settings": wanted["settings"] | SINCE.get(name, {})}
    assert plain({key: getattr(recipe, key) for key in wanted}) == wanted


# Lessons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS)
def test_an_old_lesson_finds_all_that_it_imports(lesson):
    for source in LESSONS[lesson]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), lesson, "exec"), {})
