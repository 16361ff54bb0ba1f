"""The command line: what it prints, writes and refuses."""

import json

import pytest
from PIL import Image

from course_lib import zoo
from course_lib.__main__ import _setting, main

QUICK = ["--budget", "smoke", "--rounds", "3", "--set", "hidden=[16]", "--set", "batch=32"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_PROGRESS", "0")


def test_train_keeps_continues_and_is_sampled(capsys, tmp_path):
    assert main(["train", "VAE", *QUICK, "--out", "runs/v"]) == 0
    assert "3 rounds" in capsys.readouterr().out
    assert main(["train", "VAE", *QUICK[:3], "5", *QUICK[4:], "--out", "runs/v"]) == 0
    assert "5 rounds" in capsys.readouterr().out
    assert main(["sample", "runs/v", "-n", "9", "--out", "s.png"]) == 0
    assert Image.open(tmp_path / "s.png").size == (92, 92)


def test_the_default_place_is_runs(tmp_path):
    assert main(["train", "GAN", "--recipe", "report", *QUICK]) == 0
    assert (tmp_path / "runs" / "gan" / "checkpoint.safetensors").is_file()


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "zoo", "data"])
def test_help_shows_examples(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown and f"python -m course_lib {command}" in shown


def test_zoo_lists_and_describes(capsys):
    assert main(["zoo"]) == 0
    assert all(name in capsys.readouterr().out for name in zoo.names()[:1])
    name = zoo.names()[0]
    assert main(["zoo", name]) == 0
    assert json.loads(capsys.readouterr().out) == zoo.card(name)


def test_data_lists_and_describes(capsys):
    assert main(["data"]) == 0
    assert "digits" in capsys.readouterr().out
    assert main(["data", "digits"]) == 0
    shown = capsys.readouterr().out
    assert "10,000" in shown and "2,000" in shown and "CC BY-SA" in shown


def test_evaluate_prints_and_writes_scores(capsys, tmp_path):
    name = next(n for n in zoo.names() if n.startswith("gan"))
    assert main(["evaluate", name, "-n", "200", "--json", "scores.json"]) == 0
    assert "classes" in capsys.readouterr().out
    assert json.loads((tmp_path / "scores.json").read_text())


def test_settings_are_read_as_python_writes_them():
    assert _setting("alpha=.05") == ("alpha", 0.05)
    assert _setting("shape=(3, 32, 32)") == ("shape", (3, 32, 32))
    assert _setting("ema=None")[1] is None and _setting("ema=null")[1] is None
    assert _setting("norm=dcgan") == ("norm", "dcgan")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "Name a model"),
        (["train", "VEA"], "Did you mean 'VAE'"),
        (["train", "VAE", "--set", "latent"], "--set name=value"),
        (["evaluate", "vae-2d-mnist", "--held-out", "1"], "held_out is a number from 2"),
        (["train", "VAE", "--set", "latent=two"], "latent must be a whole number"),
        (["train", "RealNVP", "--set", "alpha=.O5"], "alpha is a number, such as"),
        (["train", "VAE", "--data", "digts"], "Did you mean 'digits'"),
        (["train", "--zoo", "gan-minst"], "Did you mean 'gan-mnist'"),
        (["sample", "gan-minst"], "Did you mean 'gan-mnist'"),
        (["sample", "gan-mnist", "-n", "0"], "one sample or more"),
        (["sample", "gan-mnist", "--out", "no/such/folder/x.png"], "Could not write"),
        (["data", "celebb"], "Unknown data set"),
        (["zoo", "vae"], "Unknown zoo model"),
    ],
)
def test_mistakes_end_in_one_clear_line_and_code_2(capsys, words, message):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
