"""The command line: what it prints, writes and refuses."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from course_lib import data, disk, training, zoo
from course_lib.__main__ import main
from course_lib.grammar import setting
from course_lib.models import VAE, Flow

ROOT = Path(__file__).parents[2]
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
    assert Image.open(tmp_path / "s.png").size == (88, 88)


def test_the_default_place_is_runs(tmp_path):
    assert main(["train", "GAN", "--recipe", "report", *QUICK]) == 0
    assert (tmp_path / "runs" / "gan" / "checkpoint.safetensors").is_file()


@pytest.mark.parametrize("command", ["train", "tune", "sample", "evaluate", "zoo", "data"])
def test_help_shows_examples(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown and f"python -m course_lib {command}" in shown


@pytest.mark.parametrize("words", [["train", "VAE", "--help"], ["train", "-h", "VAE"]])
def test_help_on_a_model_lists_its_settings(capsys, words):
    with pytest.raises(SystemExit):
        main(words)
    shown = capsys.readouterr().out
    assert all(f"\n{name} " in shown for name in VAE.declared)
    assert "examples:" in shown and "from 0 to 9,223,372,036,854,775,807" in shown


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
    assert setting("alpha=.05") == ("alpha", 0.05)
    assert setting("shape=(3, 32, 32)") == ("shape", (3, 32, 32))
    assert setting("ema=None")[1] is None and setting("ema=null")[1] is None
    assert setting("norm=dcgan") == ("norm", "dcgan")


def test_points_are_drawn_as_a_scatter(tmp_path, capsys):
    assert main(["sample", "flow-moons", "-n", "300", "--out", "moons.png"]) == 0
    picture = Image.open(tmp_path / "moons.png")
    assert min(picture.size) > 300 and len(picture.getcolors(10**6)) > 10
    assert main(["sample", "flow-moons", "--out", "moons.jpg"]) == 0
    assert Image.open(tmp_path / "moons.jpg").format == "JPEG"


def test_numbers_on_a_line_make_no_picture(capsys):
    Flow(shape=(1,), layers="affine", depth=1).save("line.safetensors")
    assert main(["sample", "line.safetensors"]) == 2
    assert "made of images and of points in the plane" in capsys.readouterr().err


def test_no_picture_is_lost_without_a_word(tmp_path, capsys):
    for name in ("samples.png", "samples-2.png", "samples-3.png"):
        assert main(["sample", "gan-mnist", "-n", "4"]) == 0
        assert (tmp_path / name).is_file() and f"in {name}\n" in capsys.readouterr().out
    assert main(["sample", "gan-mnist", "-n", "4", "--out", "samples.png"]) == 0
    assert "another file was there" in capsys.readouterr().out


def test_a_run_is_found_by_folder_by_home_and_by_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["train", "VAE", *QUICK, "--out", "~/runs/v"]) == 0
    assert (tmp_path / "runs" / "v").is_dir() and not (tmp_path / "~").exists()
    for name in (
        "runs/v",
        "~/runs/v",
        "runs/v/checkpoint.safetensors",
        str(tmp_path / "runs/v"),
        shutil.copy("runs/v/checkpoint.safetensors", "copy.safetensors"),
        VAE(hidden=(8,)).save("mine.safetensors"),
    ):
        assert main(["sample", str(name), "-n", "4"]) == 0, name
    capsys.readouterr()
    assert main(["sample", "runs/w"]) == 2
    assert capsys.readouterr().err.endswith("there is: v.\n")


def test_help_names_the_defaults(capsys):
    for command, wanted in (("sample", "64"), ("evaluate", "digits"), ("train", "runs/NAME")):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        shown = capsys.readouterr().out
        assert f"(default: {wanted}" in shown and "default: None" not in shown


def test_shapes_are_compared_before_data_are_made(monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda *a, **k: pytest.fail("loaded"))
    assert main(["evaluate", "gan-mnist", "--data", "faces-64"]) == 2
    assert main(["train", "VAE", "--data", "celeba-32"]) == 2
    assert main(["evaluate", "dcgan-faces"]) == 2
    errors = capsys.readouterr().err
    assert "(3, 64, 64)" in errors and "(3, 32, 32)" in errors


def test_places_are_tried_before_the_work(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    for job in (zoo, training):
        for name in ("load", "fit"):
            monkeypatch.setattr(job, name, lambda *a, **k: pytest.fail("worked"), raising=False)
    for words in (
        ["evaluate", "gan-mnist", "--json", "no/such/scores.json"],
        ["evaluate", "gan-mnist", "--json", "."],
        ["sample", "gan-mnist", "--out", "file/x.png"],
        ["sample", "gan-mnist", "--out", "samples"],
        ["sample", "gan-mnist", "--out", "x.jpeg2"],
        ["sample", "gan-mnist", "--out", ""],
        ["sample", "gan-mnist", "--out", ".."],
        ["sample", "gan-mnist", "--out", "/"],
        *(["sample", "gan-mnist", "--out", f"x.{end}"] for end in ("blp", "h5", "wmf", "ico")),
        ["evaluate", "gan-mnist", "--json", "model.safetensors"],
        ["evaluate", "gan-mnist", "--json", "~nobody-here/x"],
        ["train", "VAE", "--out", "file"],
        ["train", "VAE", "--out", "file/v"],
    ):
        assert main(words) == 2, words
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "Traceback" not in error, words
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "v").mkdir()
    os.mkfifo(tmp_path / "v" / ".lock")
    assert main(["sample", "gan-mnist", "--out", "pipe.png"]) == 2
    assert "pipe" in capsys.readouterr().err
    with pytest.raises(OSError, match="pipe"), disk.alone(tmp_path / "v" / ".lock"):
        pass
    (tmp_path / "pipe.png").unlink()
    shutil.rmtree(tmp_path / "v")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"], "nothing is left behind"


def test_a_full_disk_leaves_the_older_file(tmp_path, monkeypatch, capsys):
    sample = ["sample", "flow-ring", "-n", "10", "--out", "x.png"]
    score = ["evaluate", "flow-ring", "--data", "ring", "-n", "300", "--held-out", "10"]
    score += ["--json", "x.json"]
    assert main(sample) == 0
    (tmp_path / "x.json").write_text("old")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk.os, "fsync", full)
    for words in (sample, score):
        assert main(words) == 2 and "No space left" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    monkeypatch.undo()


# In a process of its own ----------------------------------------------------------------------
def started(*words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "course_lib", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environment,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_no_terminal_is_too_poor_for_the_scores(encoding, tmp_path):
    words = ["evaluate", "flow-ring", "--data", "ring", "-n", "300", "--held-out", "10"]
    done = started(*words, "--json", "s.json", PYTHONUTF8="0", PYTHONIOENCODING=encoding)
    out, err = done.communicate(timeout=100)
    assert done.returncode == 0, err
    assert b"modes covered" in out
    notes = [row["note"] for row in json.loads((tmp_path / "s.json").read_text())["rows"]]
    assert any("σ" in note for note in notes)


def test_a_reader_may_leave():
    done = started("zoo")
    done.stdout.close()
    assert done.wait(100) == 141 and done.stderr.read() == b""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    closed = f"{sys.executable} -m course_lib zoo >&- 2>&-"
    assert subprocess.run(closed, shell=True, env=env).returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_says_so_by_its_status(number, status, tmp_path):
    running = started(
        "train", "VAE", "--rounds", "100000", "--set", "hidden=[16]", "--out", "v"
    )
    waited = time.monotonic() + 60
    while not list(tmp_path.glob("v/*")) and time.monotonic() < waited:
        time.sleep(0.1)
    time.sleep(1.5)  # the folder is tried before the data are loaded
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == status, err
    assert b"Traceback" not in err and (tmp_path / "v" / "checkpoint.safetensors").is_file()
    assert b"interrupted" in out


def test_a_recipe_of_the_zoo_is_trained_by_its_name(tmp_path, capsys):
    words = ["train", "--zoo", "flow-moons", "--rounds", "1", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    kept = zoo.load_run(tmp_path / "run")
    assert kept.settings["rounds"] == zoo.RECIPES["flow-moons"].settings["rounds"]
    assert main(["train", "--zoo", "flow-moon", "--rounds", "1"]) == 2
    assert "Did you mean 'flow-moons'?" in capsys.readouterr().err
