"""Two processes compute what one would; a killed training resumes to the same bits."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
import workers

from course_lib import checkpoint
from course_lib.errors import CourseError
from course_lib.training import distributed

WORKERS = Path(workers.__file__)


def run(world, work, *arguments):
    """Start `world` processes as torchrun would, and return how they ended.

    What they said stands in the test's output. Where torch itself aborts (the course never does;
    seen once in some thousand starts), they are started once more, and a warning says so.
    """
    codes, said = start(world, work, *arguments)
    if -signal.SIGABRT in codes:
        warnings.warn(f"torch aborted, and was started again: {codes} {said}", stacklevel=2)
        codes, said = start(world, work, *arguments)
    print(codes, said)
    return codes


def start(world, work, *arguments):
    """Start `world` processes once: how they ended, and what they said."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = [arguments[0], *map(json.dumps, arguments[1:])]
    common = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with tempfile.TemporaryFile("w+") as said:
        started = [
            subprocess.Popen(
                [sys.executable, str(WORKERS), work, *words],
                env=os.environ | common | {"RANK": str(rank)},
                stderr=said,
            )
            for rank in range(world)
        ]
        try:
            codes = [started[0].wait(90)]
            if codes[0]:  # killed: torchrun would now end the others
                for process in started[1:]:
                    process.kill()
            codes += [process.wait(90) for process in started[1:]]
        finally:
            for process in started:
                process.kill()
        said.seek(0)
        return codes, said.read()


def test_two_processes_give_the_gradients_of_one(tmp_path):
    files = [str(tmp_path / f"{world}.safetensors") for world in (1, 2)]
    workers.measure_gradients(files[0])
    assert run(2, "measure_gradients", files[1]) == [0, 0]
    one, two = (checkpoint.load(file)[0] for file in files)
    assert one.keys() == two.keys() and len(one) > 20
    for name in one:
        limit = 1e-10 if "float64" in name else 1e-5
        error = (one[name] - two[name]).norm() / one[name].norm()
        assert error < limit, (name, error)


def test_a_process_alone_says_whom_it_waited_for(monkeypatch):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    for name, value in zip(distributed.VARIABLES, ("0", "2", "127.0.0.1", port), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "PATIENCE", timedelta(seconds=0.2))
    with pytest.raises(CourseError, match=rf"waits 0\.2 s.*'MASTER_PORT': '{port}'.*torchrun"):
        with distributed.joined():
            pass
    monkeypatch.delenv("RANK")
    with pytest.raises(CourseError, match="'RANK': None"):
        with distributed.joined():
            pass


@pytest.mark.parametrize("size", ["abc", "0", "-2", "1.5", ""])
def test_a_number_of_processes_that_is_none_is_named(monkeypatch, size):
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(CourseError, match=f"WORLD_SIZE .* not {size!r}"):
        with distributed.joined():
            pass


@pytest.mark.parametrize(
    "kill",
    [
        (6, "move"),
        *(pytest.param(k, marks=pytest.mark.prove) for k in ((0, "move"), (4, "save"))),
    ],
)
def test_a_killed_training_resumes_to_the_same_bits(tmp_path, kill):
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    assert run(1, "train", killed, kill) == [-signal.SIGKILL]
    workers.train(killed)
    workers.train(whole)
    workers.same(whole, killed, 10)


@pytest.mark.prove
def test_two_killed_processes_resume_to_the_same_bits(tmp_path):
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    assert run(2, "train", whole) == [0, 0]
    assert run(2, "train", killed, (5, "move"))[0] == -signal.SIGKILL
    assert run(2, "train", killed) == [0, 0]
    workers.same(whole, killed, 10)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("family", workers.FAMILIES)
def test_trainings_killed_at_random_moments_end_in_the_same_bits(tmp_path, family, world):
    """17 moments for each of six trainings: 102 in all."""
    words = [sys.executable, str(WORKERS), "killed", str(tmp_path)]
    words += map(json.dumps, (family, world, 17))
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_processes_that_see_different_checkpoints_refuse_to_resume(tmp_path):
    made = {rounds: tmp_path / "made" / str(rounds) for rounds in (3, 4)}
    for rounds, folder in made.items():
        workers.train(str(folder), rounds=rounds)
    here = {"copies": (4, 4), "older": (4, 3), "missing": (4, None), "only there": (None, 4)}
    for case, (first, second) in here.items():
        for rank, rounds in enumerate((first, second)):
            if rounds:
                shutil.copytree(made[rounds], tmp_path / case / str(rank))
    before = {file: file.read_bytes() for file in tmp_path.glob("*/*/*.safetensors")}
    assert run(2, "train_apart", str(tmp_path), list(here)) == [0, 0]
    for case in ("older", "missing", "only there"):
        for rank in (0, 1):
            message = (tmp_path / case / f"{rank}.txt").read_text()
            assert "do not share the run folder" in message and "all of them see" in message
            assert ("no checkpoint" in message) == (case != "older")
    changed = [file for file, content in before.items() if file.read_bytes() != content]
    assert changed == [tmp_path / "copies" / "0" / "checkpoint.safetensors"]
    assert checkpoint.load(changed[0])[1]["round"] == 10
