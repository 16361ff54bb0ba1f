"""The recorded tables of data/: their scripts fill them row by row, in the form that they have."""

import importlib
import json
import sys
import threading

import pytest

from course_lib import data, models, tuning
from course_lib.zoo.recipes import RECIPES

FORMS = {  # the script and file, and what its table is made of besides a file
    "games": [{"counts": [1] * 10, "fd": 1.0}],
    "ablation": [{"agreement": 1.0}],
    "collapse": [6_000],
    "a2": [[1] * 10],
    "choices": [],
}


@pytest.fixture
def made(root, monkeypatch):
    """The scripts as modules; data/ is no package."""
    monkeypatch.syspath_prepend(root / "data")
    before = set(sys.modules)
    yield lambda name: importlib.import_module(name)
    for name in set(sys.modules) - before:
        if name.startswith("make_") or name == "recording":
            del sys.modules[name]


@pytest.mark.parametrize("name", FORMS)
def test_a_table_keeps_its_form_to_the_byte(made, root, name):
    table = made(f"make_{name}").table(root / "data" / f"{name}.json", *FORMS[name])
    written = table.file.read_text("utf-8")
    known = json.loads(written)
    assert table.text(known) == written
    rows = {kind: known[kind] for kind in table.names}
    assert all(rows.values()) and all(
        row in rows[k] for k, v in table.rows().items() for row in v
    )
    head = table.head(rows)
    assert [*head, *rows] == list(known)
    changing = {"machine", "floor", "real", "data"}
    assert all(
        json.loads(json.dumps(head[key])) == known[key] for key in head.keys() - changing
    )


@pytest.mark.parametrize("name", FORMS)
def test_a_row_that_is_there_is_found_and_put_where_it_was(made, root, tmp_path, name):
    table = made(f"make_{name}").table(root / "data" / f"{name}.json", *FORMS[name])
    rows = table.rows()
    table.file = tmp_path / "table.json"
    table.file.write_text((root / "data" / f"{name}.json").read_text("utf-8"), "utf-8")
    for kind, names in table.names.items():
        for row in rows[kind]:
            assert table.find(kind, **{field: row[field] for field in names}) == row
        for row in rows[kind][-1:]:
            table.record(kind, row)
    assert table.rows() == rows


def test_the_zoo_has_what_held_back_digits_chose(made, root):
    choices = made("make_choices")
    known = json.loads((root / "data" / "choices.json").read_text("utf-8"))
    assert known["held_back"] == 2_000 and set(known["chosen"]) == set(choices.CHOICES)
    for recipe, (setting, values, rule) in choices.CHOICES.items():
        rows = [row for row in known["rows"] if row["recipe"] == recipe]
        last = {row["value"]: row["points"][-1][2] for row in rows}
        assert set(last) == set(values) and {row["setting"] for row in rows} == {setting}
        assert known["chosen"][recipe] == rule(last)
        model = models.build(RECIPES[recipe].model, RECIPES[recipe].settings)
        assert model.settings[setting] == known["chosen"][recipe]
        assert all(row["points"][-1][0] == model.settings["rounds"] for row in rows)


def test_a_value_is_judged_by_digits_that_it_did_not_see(made, monkeypatch, tmp_path):
    choices = made("make_choices")
    split = tuning.split(data.load("digits"))
    seen = []

    def play(model, given, rounds, seed):
        assert given is split
        seen.append((model.settings["lr"], model.settings["rounds"], rounds, seed))
        return [tuning.Point(rounds, 1.0, 2.0)]

    monkeypatch.setattr(choices.tuning, "play", play)
    row = choices.play("dcgan-mnist", 2e-3, split)
    assert seen == [(2e-3, 12_000, 12_000, choices.SEED)] and row["points"] == [
        [12_000, 1.0, 2.0]
    ]
    asked = []
    monkeypatch.setattr(choices.data, "load", lambda *names: asked.append(names))
    monkeypatch.setattr(choices.tuning, "split", lambda images: split)
    file = tmp_path / "choices.json"
    words = ["make_choices.py", "--only", "dcgan-mnist", "--to", str(file)]
    monkeypatch.setattr(sys, "argv", words)
    choices.main()
    assert asked == [("mnist",)]  # the training split, of which `tuning.split` holds some back
    _, values, _ = choices.CHOICES["dcgan-mnist"]
    assert [value for value, *_ in seen[1:]] == list(values)
    chosen = dict.fromkeys(choices.CHOICES) | {"dcgan-mnist": 2e-3}  # all have a score of 2
    assert json.loads(file.read_text("utf-8"))["chosen"] == chosen
    of = lambda *scores: [
        {"recipe": "dcgan-mnist", "value": value, "points": [[1, 1.0, score]]}
        for value, score in zip(values, scores, strict=True)
    ]
    best = lambda rows: choices.best(rows, "dcgan-mnist")
    assert best(of(4.0, 2.0, 3.0, 4.0)) == 2e-3  # alone ahead
    assert best(of(4.0, 2.2, 2.1, 2.0)) == 4e-3  # the middle one of three
    assert best(of(2.1, 2.0, 4.0, 4.0)) == 1e-3  # the lower one of two
    assert best(of(4.0, 2.0, 3.0, 4.0)[1:]) is None
    narrowest = choices.narrowest_that_draws
    assert narrowest({0.4: 5.0, 0.2: 8.0, 0.1: 12.0}) == 0.2
    assert narrowest({0.4: 15.0, 0.2: 18.0}) == 0.4


def test_games_trials_count_only_where_held_back_digits_judged_them(made, tmp_path):
    games = made("make_games")
    row = lambda factor, fd, **more: {
        **{"method": "gan", "factor": factor, "seed": 0, "cpu_seconds": 1.0},
        "moments": [{"own": {"fd": fd}}],
        **more,
    }
    table = games.table(tmp_path / "t.json", {})
    old = {"trials": [row(f, f) for f in games.FACTORS], "rows": [row(1.0, 3), row(4.0, 3)]}
    table.file.write_text(json.dumps(old))
    assert table.rows() == {"trials": [], "rows": old["rows"]}
    for factor in games.FACTORS:
        table.record("trials", row(factor, abs(factor - 4), held_back=games.HELD_BACK))
    assert [r["factor"] for r in table.rows()["rows"]] == [4.0]
    assert json.loads(table.file.read_text())["settings"]["gan"]["lr"] == pytest.approx(2e-3)


@pytest.fixture
def small(made, tmp_path):
    recording = made("recording")
    head = lambda rows: {"about": "a test", "number": len(rows["rows"])}
    return recording.Table(tmp_path / "t.json", {"rows": ("way", "seed")}, ["b", "a"], head)


GRID = [{"way": way, "seed": seed} for seed in (1, 0) for way in ("a", "b")]


def test_a_stopped_script_goes_on_where_it_was(small):
    played = []

    def play(way, seed):
        if len(played) == 3:
            raise SystemExit("Interrupted")
        played.append((way, seed))
        return {"way": way, "seed": seed, "score": 1.5}

    with pytest.raises(SystemExit):
        small.fill("rows", GRID, play, str)
    assert [(r["way"], r["seed"]) for r in small.rows()["rows"]] == [
        ("b", 1),
        ("a", 0),
        ("a", 1),
    ]
    played.clear()
    small.fill("rows", GRID, play, str)
    assert played == [("b", 0)]
    whole = json.loads(small.file.read_text())
    assert whole["number"] == 4 and list(whole) == ["about", "number", "rows"]
    assert [(r["way"], r["seed"]) for r in whole["rows"]] == [
        *(("b", 0), ("b", 1)),
        *(("a", 0), ("a", 1)),
    ]
    assert [f.name for f in small.file.parent.iterdir()] == ["t.json"]


def test_several_scripts_fill_one_table(small):
    def write(way):
        for seed in range(20):
            small.record("rows", {"way": way, "seed": seed})

    both = [threading.Thread(target=write, args=(way,)) for way in ("a", "b")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(small.rows()["rows"]) == 40


def test_an_interrupted_training_ends_the_script(made, monkeypatch):
    from course_lib import training

    stopped = training.History(interrupted=True)
    monkeypatch.setattr(training, "fit", lambda *a, **k: stopped)
    with pytest.raises(SystemExit, match="same command"):
        made("recording").fit(None, None)
