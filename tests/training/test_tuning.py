"""Tuning: search spaces, the split that chooses, a trial's bits, studies that several share."""

import errno
import importlib.util
import io
import json
import logging
import multiprocessing
import os
import shlex
import sys

import optuna
import pytest
import torch
from conftest import ROOT

from course_lib import data, grammar, models, training, tuning
from course_lib.__main__ import main
from course_lib.errors import CourseError
from course_lib.intervals import ends
from course_lib.lessons import lesson_12
from course_lib.models import settings as settings_of
from course_lib.training import distributed
from course_lib.tuning import storage, studies, trials

optuna.logging.set_verbosity(optuna.logging.WARNING)
SMALL = {"hidden": (16,), "batch": 32}


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def split(digits):
    return tuning.split(digits)


@pytest.fixture
def cheap(monkeypatch):
    """Features that cost nothing, a score that the weights decide, a few rounds a trial."""
    monkeypatch.setattr(trials, "image_features", lambda x, name: x.flatten(1)[:9].double())
    score = lambda self, model, seed=0: next(model.parameters()).abs().sum().item()
    monkeypatch.setattr(trials.Split, "score", score)
    monkeypatch.setattr(trials, "rounds_in", lambda model, dataset, seconds: 5)
    monkeypatch.setenv("COURSE_PROGRESS", "0")


# Spaces ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(models.MODELS.keys() - {"Flow"}))  # of points: no judge
def test_spaces_lie_within_the_settings(name):
    kind = models.MODELS[name]
    for setting, declared in tuning.searched(kind).items():
        if isinstance(declared.search, str):
            low, high = ends(declared.search)
            assert 0 < low < high
            options = (low, high)
        else:
            options = declared.search
            assert len(set(map(str, options))) == len(options) > 1
        for option in options:
            declared.checked(option, setting)


def test_every_corner_of_a_space_is_a_model():
    for kind in (models.GAN, models.VAE, models.RealNVP):
        for pick in (0, -1):
            fixed = optuna.trial.FixedTrial(
                {
                    name: ends(s.search)[pick]
                    if isinstance(s.search, str)
                    else str(s.search[pick])
                    for name, s in tuning.searched(kind).items()
                }
            )
            chosen = tuning.suggested(fixed, kind)
            assert kind(**chosen).settings["lr"] == ends(kind.declared["lr"].search)[pick]


def test_what_is_fixed_is_not_searched():
    trial = optuna.trial.FixedTrial(
        {"lr": 1e-3, "batch": "32", "latent": "2", "hidden": "(256,)"}
    )
    assert "beta" not in tuning.searched(models.VAE, {"beta": 1.0})
    assert tuning.suggested(trial, models.VAE, {"beta": 1.0}) == {
        **{"beta": 1.0, "lr": 1e-3, "batch": 32, "latent": 2, "hidden": (256,)}
    }
    with pytest.raises(CourseError, match="no setting to search"):
        tuning.searched(models.GaussianMixture, models.GaussianMixture.declared)


@pytest.mark.parametrize(
    "search",
    [
        *(
            "[0, 1]",
            "(0, 1]",
            "(0, inf)",
            "[1, 0.1]",
            "[1, 1]",
            "0.1 to 1",
            "[0.1]",
            "",
            "[0.5, 2]",
        ),
        *((), 0.1, [0.1, 0.2], (0.5, 0.5), (0.5, 2.0), {"a": 1}),
    ],
)
def test_bad_spaces_are_refused_where_they_are_declared(search):
    with pytest.raises(CourseError, match="nowhere to search"):
        settings_of.number(0.5, "a share", "[0, 1]", search=search)


def test_whole_numbers_are_searched_as_such(digits, cheap):
    class Wide(models.VAE):
        declared = models.VAE.declared | {
            "latent": settings_of.whole(8, "length", search="[4, 64]")
        }

    found = tuning.search(Wide, digits, trials=2, seconds=1, fixed=SMALL)
    assert all(type(t.params["latent"]) is int for t in found.trials)
    with pytest.raises(CourseError, match="nowhere to search"):
        settings_of.whole(8, "length", search="[0.5, 64]")


def test_a_study_has_one_space(digits, cheap, tmp_path):
    for search, n in (((2, 8), 1), ((2, 16), 0), ("[2, 8]", 0), ((2, 8), 2)):
        declared = models.VAE.declared | {
            "latent": settings_of.whole(8, "length", search=search)
        }
        kind = type("Own", (models.VAE,), {"declared": declared})
        given = {"seconds": 1, "fixed": SMALL, "storage": tmp_path / "study.log"}
        if n:
            assert len(tuning.search(kind, digits, trials=n, **given).trials) == n
        else:
            with pytest.raises(CourseError, match=r"latent is searched in \('2', '8'\), here"):
                tuning.search(kind, digits, trials=2, **given)


# The split -------------------------------------------------------------------------------------
def test_the_split_is_always_the_same_and_whole(digits, split):
    again = tuning.split(data.load("digits"))
    assert len(split.held) == tuning.HELD_BACK and len(split.learned) + 2_000 == len(digits)
    assert torch.equal(split.held.images, again.held.images)
    held, learned = (set(map(bytes, x.images.numpy())) for x in (split.held, split.learned))
    assert not held & learned
    counts = torch.bincount(split.held.labels) / 2_000 - torch.bincount(digits.labels) / 10_000
    assert counts.abs().max() < 0.02


@pytest.mark.parametrize(
    ("dataset", "held_back", "says"),
    [
        (lambda: data.load("digits", "test"), 2_000, "training images"),
        (lambda: data.load("digits").take(3_999), 2_000, r"too few .* 256 to 1,999 of them"),
        (lambda: data.load("digits").take(500), 256, "takes 512 images or more"),
        (lambda: data.load("digits"), 255, "whole number from 256"),
        (lambda: data.load("ring"), 2_000, "No judge"),
        (lambda: 3, 2_000, "a DataSet, not int"),
    ],
)
def test_what_cannot_be_split(dataset, held_back, says):
    with pytest.raises(CourseError, match=says):
        tuning.split(dataset(), held_back)


def test_a_small_set_is_searched_with_fewer_held_back(tmp_path, cheap):
    few, storage = data.load("digits").take(600), tmp_path / "study.log"
    given = {"trials": 1, "seconds": 0.05, "storage": storage, "progress": False}
    small = tuning.search(models.VAE, few, held_back=256, **given)
    whole = tuning.search(models.VAE, data.load("digits"), **given)
    assert small.study_name == "VAE on digits, 0.05 s, 256 held back" != whole.study_name
    assert len(small.trials) == len(whole.trials) == 1  # two studies: their scores differ


def test_tuning_never_loads_test_images(monkeypatch, cheap, capsys):
    load = data.load

    def guarded(name, split="train", root=None):
        assert split == "train"
        return load(name, split, root)

    monkeypatch.setattr(data, "load", guarded)
    assert main(["tune", "VAE", "--trials", "1", "--set", "hidden=[16]"]) == 0


# A trial ---------------------------------------------------------------------------------------
def test_a_trial_has_the_bits_of_a_plain_training(split):
    watched, plain = (models.VAE(seed=3, **SMALL) for _ in range(2))
    points = tuning.play(watched, split, 20, seed=4, shares=(0.5, 1.0))
    training.fit(plain, split.learned, rounds=20, seed=4, preview=False, progress=False)
    assert all(map(torch.equal, watched.parameters(), plain.parameters()))
    assert [point.round for point in points] == [10, 20]
    assert 0 < points[0].seconds < points[1].seconds
    again = tuning.play(models.VAE(seed=3, **SMALL), split, 20, seed=4, shares=(0.5, 1.0))
    assert [p.score for p in again] == [p.score for p in points]


def test_conditional_models_are_judged_with_the_labels_of_the_held_images(split):
    asked = []

    class Told(models.CVAE):
        def sample(self, n, *, labels, **more):
            asked.append(labels)
            return torch.rand(n, 1, 28, 28)

    split.score(Told(classes=10))
    assert torch.equal(asked[0], split.held.labels)


def test_seconds_become_rounds_by_the_second_lowest_group(split, monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 0.01 if now[0] < 1 else 0.03  # somebody disturbs the second half
        return now[0]

    monkeypatch.setattr(trials.time, "process_time", clock)
    model = models.VAE(**SMALL)
    before = [p.clone() for p in model.parameters()]
    cost, blocks = tuning.round_seconds(model, split.learned, seconds=2.0)
    assert cost == pytest.approx(0.01) and max(blocks) == pytest.approx(0.03)
    assert len(blocks) == trials.BLOCKS
    assert all(map(torch.equal, before, model.parameters())), "a copy plays"
    now[0] = 0.0
    assert tuning.rounds_in(model, split.learned, 5.0) == pytest.approx(500, abs=1)
    with pytest.raises(CourseError, match="above 0"):
        tuning.rounds_in(model, split.learned, 0)


def test_few_rounds_in_the_settings_can_be_timed(split):
    assert tuning.round_seconds(models.VAE(rounds=1, **SMALL), split.learned, 0.01)[0] > 0


def test_a_teller_may_end_a_trial(split, cheap):
    def tell(point):
        raise optuna.TrialPruned

    with pytest.raises(optuna.TrialPruned):
        tuning.play(models.VAE(**SMALL), split, 10, tell=tell)


# Studies ---------------------------------------------------------------------------------------
def test_a_study_goes_on_where_it_was(digits, cheap, tmp_path):
    file = tmp_path / "study.log"
    for trials_in_all in (2, 3, 3):
        found = tuning.search(
            models.VAE, digits, trials=trials_in_all, seconds=1, storage=file, fixed=SMALL
        )
        assert [t.number for t in found.trials] == list(range(trials_in_all))
    assert found.trials[0].user_attrs["settings"]["hidden"] == [16]
    assert found.trials[0].user_attrs["rounds"] == 5
    assert sorted(found.trials[0].intermediate_values) == [1, 2, 3, 4, 5]
    other = tuning.search(models.VAE, digits, trials=1, seconds=2, storage=file, fixed=SMALL)
    assert len(other.trials) == 1, "other seconds are another study"


def test_a_study_is_of_one_class_data_seconds_split_and_fixed_settings(digits, cheap, tmp_path):
    class VAE(models.VAE):
        """Another of the same name."""

    given = {
        "kind": models.VAE,
        "dataset": digits,
        "seconds": 0.02,
        "fixed": SMALL,
        "trials": 1,
    }
    given["storage"] = tmp_path / "study.log"
    tuning.search(**given)
    darker = data.DataSet(digits.images // 2, digits.labels, card=digits.card)
    for changed, says in (
        ({"kind": VAE}, "class is course_lib.models.vae.VAE, here it is .*test_tuning"),
        ({"dataset": darker}, "data is 10,000 of shape"),
        ({"dataset": digits.take(9_999)}, "here it is 9,999 of shape"),
        ({"seconds": 0.020000001}, "seconds is 0.02, here it is 0.020000001"),
        ({"fixed": SMALL | {"hidden": (8,)}}, r"hidden is \[16\], here it is \[8\]"),
        ({"fixed": SMALL | {"lr": 1e-3}}, "lr is searched in .*, here it is 0.001"),
        ({"fixed": SMALL | {"seed": 3}}, "seed is each trial's own, here it is 3"),
        ({"fixed": {"hidden": (16,)}}, "batch is 32, here it is searched in"),
        ({"fixed": SMALL | {"recipe": "report"}}, "likelihood is"),
    ):
        with pytest.raises(CourseError, match=says):
            tuning.search(**given | changed)
    assert len(tuning.search(**given | {"trials": 2}).trials) == 2


def test_a_study_of_an_older_edition_takes_on_what_it_is(digits, cheap, tmp_path):
    given = {"kind": models.VAE, "dataset": digits, "seconds": 1, "storage": tmp_path / "s.log"}
    found = tuning.search(**given, trials=1)
    file = given["storage"]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if studies.IDENTITY not in line))
    assert not studies.study(found.study_name, file).user_attrs
    for fixed, says in (
        ({"lr": 1e-3}, "lr is searched"),
        ({"network": "convolutional"}, "is mlp"),
    ):
        with pytest.raises(CourseError, match=says):
            tuning.search(**given, trials=2, fixed=fixed)
    assert len(tuning.search(**given, trials=2).trials) == 2
    assert "seconds" in studies.study(found.study_name, file).user_attrs[studies.IDENTITY]


def test_a_database_takes_the_place_of_the_file(digits, cheap, tmp_path):
    address = f"sqlite:///{tmp_path}/study.db"
    for n in (1, 2):
        found = tuning.search(
            models.VAE, digits, trials=n, seconds=1, storage=address, fixed=SMALL
        )
    assert len(found.trials) == 2


@pytest.fixture
def goes_on(digits, cheap, tmp_path):
    """A search of so many trials, in a file where two are kept."""
    file = tmp_path / "study.log"
    options = {"seconds": 1, "storage": file, "fixed": SMALL}
    tuning.search(models.VAE, digits, trials=2, **options)
    return lambda n: tuning.search(models.VAE, digits, trials=n, **options), file


@pytest.mark.parametrize("lost", [1, 20, 300])
def test_half_a_line_at_the_end_costs_one_record(goes_on, lost):
    go, file = goes_on
    whole = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(whole)[:-lost])
    for n in (3, 4):
        found = go(n)
    assert sum(t.state.name == "COMPLETE" for t in found.trials) == 4
    lines = file.read_bytes().splitlines(keepends=True)
    assert lines[: len(whole) - 5] == whole[:-5] and all(map(json.loads, lines))


def test_of_a_damaged_journal_what_is_before_can_be_used(goes_on):
    """An older edition could write its next record behind half a line."""
    go, file = goes_on
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:-2], lines[-2][:60], lines[-1], lines[-1]]))
    with pytest.raises(CourseError, match=f"line {len(lines) - 1} is no record"):
        go(3)
    file.write_bytes(b"".join(lines[:-2]))
    assert sum(t.state.name == "COMPLETE" for t in go(3).trials) == 3


def test_a_full_disk_ends_a_search_and_costs_no_trial(goes_on, monkeypatch):
    go, _ = goes_on
    written = []

    def fsync(number):
        written.append(number)
        if len(written) > 8:
            os.ftruncate(number, os.fstat(number).st_size - 10)
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(CourseError, match="No space left"):
        patched.setattr(storage.os, "fsync", fsync)
        go(4)
    kept = [t.value for t in go(2).trials[:2]]
    found = go(4)
    assert [t.value for t in found.trials[:2]] == kept and None not in kept
    assert found.trials[-1].state.name == "COMPLETE"


@pytest.mark.parametrize("text", ["{", '{"op', "[1, 2]", "a line\n" * 9, '{"op_codes": 0}\n'])
def test_only_a_journal_is_written_to(tmp_path, text):
    file = tmp_path / "file"
    file.write_text(text)
    if storage.BEGINS.startswith(text.encode()):  # its first line was cut short
        assert not studies.study("new", file).trials
    else:
        with pytest.raises(CourseError, match="another file is there"):
            studies.study("new", file)
        assert file.read_text() == text


def test_what_may_not_be_written_is_refused(tmp_path, monkeypatch):
    """A user who may do all, as in a container, meets no such folder."""

    def refused(*names):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "symlink", refused)  # by which journals are locked
    with pytest.raises(CourseError, match="Permission denied"):
        studies.study("new", tmp_path / "study.log")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that are files")
def test_a_pipe_or_device_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(CourseError, match="no plain file"):
            studies.study("new", place)


def _join(file):
    tuning.search(
        models.VAE, data.load("digits"), trials=6, seconds=1, storage=file, fixed=SMALL
    )


@pytest.mark.skipif(sys.platform == "win32", reason="processes inherit the patches by fork")
def test_two_processes_share_a_study(cheap, tmp_path):
    file = tmp_path / "study.log"
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=_join, args=(file,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    (name,) = optuna.get_all_study_names(storage.opened(file))
    found = studies.study(name, file)
    assert [t.number for t in found.trials] == list(range(len(found.trials)))
    assert 6 <= len(found.trials) <= 7, "each ends the trial that it is at"
    assert len({t.params["lr"] for t in found.trials}) == len(found.trials)


def test_failures_are_recorded_and_the_search_goes_on(digits, cheap, monkeypatch):
    def play(model, split, rounds, seed, tell):
        if seed == 0:
            raise training.TrainingStopped("exploded", training.History())
        return [trials.Point(5, 1.0, 7.0)]

    monkeypatch.setattr(trials, "play", play)
    found = tuning.search(models.VAE, digits, trials=2, seconds=1, fixed=SMALL)
    assert [t.state.name for t in found.trials] == ["FAIL", "COMPLETE"]
    assert found.best_value == 7


def test_samples_that_are_no_numbers_fail_their_trial_only(digits, monkeypatch):
    class Spoilt(models.VAE):
        def sample(self, n, **options):
            x = super().sample(n, **options)
            return x.clone().fill_(float("nan")) if self.settings["seed"] == 0 else x

    monkeypatch.setattr(trials, "rounds_in", lambda model, dataset, seconds: 5)
    options = {"trials": 2, "seconds": 1, "fixed": SMALL, "held_back": 256}
    found = tuning.search(Spoilt, digits.take(600), **options, progress=False)
    assert [t.state.name for t in found.trials] == ["FAIL", "COMPLETE"]


def test_ctrl_c_while_a_round_is_timed_is_no_end_of_the_timing(split, monkeypatch):
    interrupted = training.History(interrupted=True)
    monkeypatch.setattr(trials, "fit", lambda *a, **k: interrupted)
    with pytest.raises(KeyboardInterrupt):
        trials.round_seconds(models.VAE(**SMALL), split.learned, 0.1)


def test_an_interrupted_search_can_go_on(digits, cheap, monkeypatch, tmp_path):
    interrupted = training.History(interrupted=True)
    monkeypatch.setattr(trials, "fit", lambda *a, **k: interrupted)
    options = {"seconds": 1, "storage": tmp_path / "s.log", "fixed": SMALL}
    with pytest.raises(KeyboardInterrupt):
        tuning.search(models.VAE, digits, trials=1, **options)
    monkeypatch.setattr(trials, "fit", training.fit)
    found = tuning.search(models.VAE, digits, trials=2, **options)
    assert [t.state.name for t in found.trials] == ["FAIL", "COMPLETE"]


def test_an_interrupted_search_is_told_in_a_line(digits, cheap, monkeypatch):
    interrupted = training.History(interrupted=True)
    monkeypatch.setattr(trials, "fit", lambda *a, **k: interrupted)
    handler = logging.StreamHandler(io.StringIO())
    logger = optuna.logging.get_logger("optuna")
    monkeypatch.setattr(logger, "handlers", [handler])
    with pytest.raises(KeyboardInterrupt):
        tuning.search(models.VAE, digits, trials=1, seconds=1, fixed=SMALL)
    said = handler.stream.getvalue()
    assert "KeyboardInterrupt" in said and "Traceback" not in said and not handler.filters


def test_hopeless_trials_are_pruned(digits, cheap, monkeypatch):
    scores = iter(range(1000))
    monkeypatch.setattr(trials.Split, "score", lambda *a: float(next(scores)))
    found = tuning.search(
        models.VAE,
        digits,
        trials=3,
        seconds=1,
        fixed=SMALL,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1),
    )
    assert [t.state.name for t in found.trials] == ["COMPLETE", "PRUNED", "PRUNED"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"trials": 0}, "trials"),
        ({"fixed": {"laten": 3}}, "laten"),
        ({"fixed": {"shape": (1, 32, 32)}}, "shape"),
        ({"storage": "/no/such/folder/s.log"}, "Can't keep"),
        ({"storage": "."}, "Can't keep"),
        ({"storage": __file__}, "Can't keep"),
        ({"storage": "nosuch://a/b"}, "database"),
        ({"seconds": float("nan")}, "above 0"),
        ({"fixed": {"rounds": 9}}, "don't fix rounds"),
        ({"fixed": {"batch": 100_000}}, "batch of 100,000 is more than the 8,000"),
        ({"fixed": {"self": 1}}, "Unknown VAE setting 'self'"),
        ({"fixed": {1: 2}}, "fixed must be a dict such as"),
        ({"kind": models.Model}, "a class of models"),
        ({"sampler": "tpe"}, "TPESampler"),
        ({"pruner": "median"}, "MedianPruner"),
    ],
)
def test_bad_searches_are_refused_before_the_first_trial(digits, wrong, says, monkeypatch):
    monkeypatch.setattr(studies, "suggested", lambda *a: pytest.fail("a trial began"))
    with pytest.raises(CourseError, match=says):
        given = {"kind": models.VAE, "dataset": digits, "trials": 1, "seconds": 1.0}
        tuning.search(**given | wrong)


def test_a_batch_that_is_searched_fits_into_what_is_left(cheap):
    few = data.DataSet(torch.zeros(400, 3, 32, 32, dtype=torch.uint8))
    given = {"trials": 1, "seconds": 1, "held_back": 192, "fixed": {"shape": few.shape}}
    with pytest.raises(CourseError, match="batch of 256 is more than the 208"):
        tuning.search(models.DCGAN, few, **given)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--held-back", "255"], "from 256"),
        (["--held-back", "5001"], "10,000 images are too few"),
        (["--storage", "/no/such/folder/s.log"], "Can't keep"),
        (["--data", "ring", "--set", "shape=[2]"], "No judge"),
    ],
)
def test_the_command_refuses_before_it_loads_the_data(words, says, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda *a, **k: pytest.fail("data were loaded"))
    assert main(["tune", "VAE", *words]) == 2
    assert says in capsys.readouterr().err


def test_processes_that_train_as_one_do_not_search(monkeypatch):
    monkeypatch.setattr(distributed, "world", lambda: 2)
    with pytest.raises(CourseError, match="Start each by itself"):
        tuning.study("shared")


def test_the_command_prints_what_it_found(cheap, capsys, tmp_path):
    words = ["tune", "VAE", "--trials", "2", "--set", "hidden=[16]"]
    assert main([*words, "--storage", str(tmp_path / "s.log")]) == 0
    shown = capsys.readouterr().out
    assert "2 trials, 2 of them whole" in shown and "--set 'hidden=[16]'" in shown
    best = studies.study("VAE on digits, 30 s", tmp_path / "s.log").best_trial
    *words, option, rounds = shlex.split(shown.splitlines()[-1])
    assert option == "--rounds" and int(rounds) == best.user_attrs["rounds"]
    assert words[:6] == ["python", "-m", "course_lib", "train", "VAE", "--data"]
    made = models.VAE(**dict(map(grammar.setting, words[8::2])), seed=best.number)
    assert json.loads(json.dumps(made.settings)) == best.user_attrs["settings"]
    assert main(["tune", "VAEE"]) == 2 and "Did you mean 'VAE'" in capsys.readouterr().err
    assert main(["tune", "VAE", "--seconds", "-1"]) == 2


# The record ------------------------------------------------------------------------------------
RECORDS = {30: ROOT / "data" / "tuning.json", 5: ROOT / "data" / "tuning-5.json"}


@pytest.fixture
def make_tuning(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "data"))
    spec = importlib.util.spec_from_file_location(
        "make_tuning", ROOT / "data" / "make_tuning.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seconds", RECORDS)
def test_the_record_is_of_the_stated_configurations(make_tuning, seconds):
    record = json.loads(RECORDS[seconds].read_text())
    assert (record["held_back"], record["seconds"]) == (tuning.HELD_BACK, seconds)
    for row in record["configurations"]:
        wanted = make_tuning.configurations(row["family"])[row["number"]]
        assert row["settings"] == json.loads(json.dumps(wanted))
    for row in record["grid"]:
        assert row["settings"] == make_tuning.cells()[row["number"]]
    for kind in ("configurations", "grid", "seeds", "faces"):
        for row in record[kind]:
            assert row["failed"] or len(row["points"]) == len(tuning.SHARES)
    for family in make_tuning.FAMILIES:
        for names, number, rounds in make_tuning.finalists(record, family):
            row = next((r for r in record["seeds"] if names.items() <= r.items()), None)
            assert row is None or (row["number"], row["rounds"]) == (number, rounds)
        best = {
            row["number"] for row in make_tuning.ranked(record["configurations"], family)[:1]
        }
        own = [row for row in record["faces"] if row["family"] == family]
        assert {row["number"] for row in own} <= best
        assert len({row["rounds"] for row in own}) <= 1


def test_both_records_are_of_the_same_settings():
    """So that a lesson may ask what six times the seconds change."""
    short, long = lesson_12.record(5), lesson_12.record(30)
    for family in short.keys() & long.keys():
        assert short[family].settings == long[family].settings


def test_lessons_read_the_records_by_their_seconds():
    both = lesson_12.record()
    assert both["VAE"].trial == both["GAN"].trial == 5 and both["DCGAN"].trial == 30
    assert all(family.trial == 30 for family in lesson_12.record(30).values())
    with pytest.raises(CourseError, match="5 or 30"):
        lesson_12.record(120)


def test_the_first_point_of_a_short_row_comes_out_again(make_tuning, split):
    """Same rounds, same bits where torch, threads and kernels are the recorded ones."""
    record = json.loads(RECORDS[5].read_text())
    rows = [r for r in record["configurations"] if r["points"] and r["family"] == "VAE"]
    row = min(rows, key=lambda row: row["points"][0][1])
    model = models.VAE(**make_tuning.configurations("VAE")[row["number"]], seed=row["seed"])
    found = []

    class Enough(Exception):
        pass

    def tell(point):
        found.append(point)
        raise Enough

    with pytest.raises(Enough):
        tuning.play(model, split, row["rounds"], row["seed"], tell)
    here = (torch.__version__, torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())
    same = here == (row["torch"], row["threads"], row["kernels"])
    played, _, score = row["points"][0]
    assert found[0].round == played
    assert found[0].score == pytest.approx(score, abs=0.002 if same else 0.25 * score)
