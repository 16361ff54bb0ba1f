"""A training kept in a folder: alone there, never lost, and what is said when that fails."""

import copy
import errno
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import workers
from shared import equal, refused, weights
from torch import nn

from course_lib import checkpoint, data, disk, models, training, zoo
from course_lib.checkpoint import files
from course_lib.data import DataSet
from course_lib.training import Game, Move, Player, adam, fit

WORKERS = Path(workers.__file__)
FILE = "checkpoint.safetensors"


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").take(128)


def small(**more):
    return models.VAE(**{"hidden": (16,), "batch": 32, "anneal": False} | more)


def train(folder, rounds, model=None, **more):
    model = model or small()
    images = data.load("digits").take(128)
    return fit(model, images, rounds=rounds, resume=folder, progress=False, **more)


def round_in(folder):
    return checkpoint.header(folder / FILE).facts["round"]


def started(folder, *arguments, before=()):
    """A worker that trains in `folder` on its own."""
    words = [*before, sys.executable, str(WORKERS), "slowly", str(folder), *arguments]
    return subprocess.Popen(words, stdout=-1, stderr=-1, text=True)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


# Alone in the folder ---------------------------------------------------------------------
def test_a_second_training_in_the_folder_is_refused_at_once(tmp_path):
    train(tmp_path, 1)
    before = (tmp_path / FILE).read_bytes()
    with disk.alone(tmp_path / ".lock"):
        refused(lambda: train(tmp_path, 2), "Another kernel is training", str(tmp_path))
        assert train(tmp_path, 1).rounds == 1  # nothing is left to train: reading is free
    assert (tmp_path / FILE).read_bytes() == before
    assert train(tmp_path, 2).rounds == 2


def test_a_stopped_kernel_still_holds_its_folder_and_ends_its_training(tmp_path):
    first = started(tmp_path, "40", "0.02")
    try:
        until(lambda: (tmp_path / FILE).exists() and round_in(tmp_path) >= 3)
        first.send_signal(signal.SIGSTOP)
        refused(lambda: train(tmp_path, 40), "Another kernel is training")
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0, first.stderr.read()
    finally:
        first.kill()
    assert round_in(tmp_path) == 40 and train(tmp_path, 41).rounds == 41


def test_where_there_are_no_locks_it_warns_and_a_lower_round_replaces_no_higher(
    tmp_path, monkeypatch
):
    def unsupported(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(disk, "_lock", unsupported)
    kept = train(tmp_path / "higher", 30, checkpoint_seconds=1e9)
    shutil.copytree(tmp_path / "higher", tmp_path / "run")
    shutil.rmtree(tmp_path / "higher")
    (tmp_path / "run" / FILE).rename(tmp_path / "later")

    def overtaken(t):  # another kernel writes round 30, and this one is at round 5
        if t == 4:
            shutil.copy(tmp_path / "later", tmp_path / "run" / FILE)

    model = small()
    game = model.game(10)
    game.after = overtaken
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = train(tmp_path / "run", 10, model, game=game, checkpoint_seconds=0)
    said = " ".join(str(w.message) for w in caught)
    assert "can't be locked" in said and "holds round 30" in said
    assert history.rounds == 10 and "another kernel" in history.unsaved
    assert round_in(tmp_path / "run") == 30 == kept.rounds


def test_what_killed_saves_left_is_removed(tmp_path):
    train(tmp_path, 1)
    for name in (f".{FILE}.123.part", f".{FILE}.0123456789abcdef.part"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    (tmp_path / "mine.part").write_text("keep")
    train(tmp_path, 2)
    assert {path.name for path in tmp_path.iterdir()} == {FILE, ".lock", "mine.part"}


# Disks ---------------------------------------------------------------------------------------
@contextmanager
def full_disk(room):
    """No file may grow beyond so many bytes; writing further fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_before_the_work(tmp_path):
    train(tmp_path / "old", 2)
    before = (tmp_path / "old" / FILE).read_bytes()
    for folder, words in (("new", ()), ("old", ["older file there is untouched"])):
        model, drawn = small(), []
        game = model.game(4)
        game.round[0].losses = lambda source, drawn=drawn: drawn.append(1)
        with full_disk(10_000):
            refused(
                lambda m=model, g=game, f=folder: train(tmp_path / f, 4, m, game=g),
                "Could not write",
                "Free some disk space",
                *words,
            )
        assert not drawn
    assert (tmp_path / "old" / FILE).read_bytes() == before
    assert not list(tmp_path.glob("*/*.part")) + list(tmp_path.glob("*/.*.part"))


def test_a_disk_that_fills_up_costs_no_training(tmp_path):
    """Periodic saves fail with one warning; the end hands model and history over."""
    model, room = small(), []
    game = model.game(12)

    def fill(t):
        if t == 4:
            room.append(full_disk(10_000))
            room[0].__enter__()

    game.after = fill
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = train(tmp_path, 12, model, game=game, checkpoint_seconds=0)
    finally:
        room[0].__exit__(None, None, None)
    assert [str(w.message).count("Could not write") for w in caught] == [1, 1]
    assert "It goes on" in str(caught[0].message) and "whole" in str(caught[1].message)
    assert history.rounds == 12 and "Could not write" in history.unsaved
    assert round_in(tmp_path) == 4
    whole = small()
    fit(whole, data.load("digits").take(128), rounds=12, progress=False)
    assert equal(weights(whole), weights(model))
    again = small()
    assert train(tmp_path, 12, again).unsaved is None
    assert equal(weights(whole), weights(again))


def test_an_explosion_on_a_full_disk_is_still_told(tmp_path):
    w = nn.Parameter(torch.tensor(1.0))
    loss = lambda source: {"w": {"loss": w * (1.0 if source.t < 3 else float("nan"))}}
    game = Game([Move([Player("w", [w], adam(0.1))], loss)])
    real = files.content_of

    def full(*arguments):
        if w.item() < 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="No space"):
        patch.setattr(files, "content_of", full)
        with pytest.raises(training.TrainingStopped, match="round 3"):
            fit(game, DataSet(torch.zeros(8, 2)), rounds=9, batch=2, resume=tmp_path,
                checkpoint_seconds=0, progress=False)  # fmt: skip


def test_a_place_in_the_way_is_found_out_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused(lambda: train(tmp_path / "file" / "run", 1), "folder that you may write to")
    for odd in (b"bytes\0", 3, "a\0b"):
        refused(lambda odd=odd: train(odd, 1))
    refused(lambda: zoo.load_run(tmp_path / "nowhere"), "no such file")


def test_a_working_folder_that_is_gone_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    refused(lambda: train("runs/x", 1), "restart the kernel")
    refused(lambda: zoo.load_run("runs/x"), "restart the kernel")
    refused(lambda: checkpoint.save("x.safetensors", {}, {}), "restart the kernel")


# Namespaces and file systems of its own, as containers have them --------------------------------
SPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
]
needs_spaces = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run([*SPACES, "true"], capture_output=True).returncode,
    reason="this machine makes no namespaces",
)


@pytest.mark.prove
@needs_spaces
def test_of_two_containers_with_the_same_process_number_one_is_refused(tmp_path):
    first = started(tmp_path, "1000", "0.5", before=SPACES)
    try:
        until(lambda: (tmp_path / FILE).exists() and round_in(tmp_path) >= 1)
        second = started(tmp_path, "1000", "0", before=SPACES)
        said = second.communicate(timeout=60)[1]
        assert second.returncode == 1 and "Another kernel is training" in said
        then = round_in(tmp_path)
        until(lambda: round_in(tmp_path) > then)
    finally:
        first.kill()


@pytest.mark.prove
@needs_spaces
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_real_disk_that_is_full_or_read_only_is_told_before_the_work(tmp_path, state):
    """A file system of one megabyte, on which a run of the first three rounds lies."""
    words = f"{sys.executable} {WORKERS} slowly {tmp_path}/disk/run"
    spoil = {
        "full": f"head -c 2M /dev/zero > {tmp_path}/disk/fill || true",
        "read-only": f"mount -o remount,ro {tmp_path}/disk",
    }[state]
    script = f"""
        mkdir {tmp_path}/disk && mount -t tmpfs -o size=1m none {tmp_path}/disk || exit 9
        {words} 3 0 || exit 8
        cp {tmp_path}/disk/run/{FILE} {tmp_path}/before
        {spoil}
        {words} 3 0 || exit 7
        {words} 6 0 2> {tmp_path}/said && exit 6
        cmp {tmp_path}/disk/run/{FILE} {tmp_path}/before || exit 5
    """
    done = subprocess.run([*SPACES, "sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = (tmp_path / "said").read_text().splitlines()[-1]
    assert "Free some disk space" in said or "folder that you may write to" in said, said


# Longer, shorter, by another plan --------------------------------------------------------
def said(folder, rounds, **settings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(folder, rounds, small(**settings))
    return [str(w.message) for w in caught]


def test_a_longer_training_says_when_its_rates_jump(tmp_path):
    assert said(tmp_path, 6, anneal=True) == []
    (message,) = said(tmp_path, 12, anneal=True)
    assert "planned for 6 rounds and is now for 12" in message and "'VAE'" in message
    assert f"{0.5 * (1 + math.cos(math.pi * 5 / 6)):.3g} of its full value" in message
    assert said(tmp_path, 12, anneal=True) == []  # nothing is left to train
    (message,) = said(tmp_path, 20, anneal=True)
    assert "planned for 12 rounds and is now for 20" in message


def test_a_longer_training_without_a_schedule_says_nothing(tmp_path):
    assert said(tmp_path, 6) == said(tmp_path, 12) == []


# Models of all kinds ---------------------------------------------------------------------
class Tied(nn.Module):
    """An autoencoder with one weight under two names."""

    settings = {"shape": (2,), "batch": 4, "rounds": 10}

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(2, 2), nn.Linear(2, 2)
        self.decoder.weight = self.encoder.weight

    def game(self, rounds):
        def losses(source):
            x = source.batch().x
            return {"w": {"error": (self.decoder(self.encoder(x).tanh()) - x).square().mean()}}

        return Game([Move([Player("w", self.parameters(), adam(0.01))], losses)])


def points():
    return DataSet(torch.randn(16, 2, generator=torch.Generator().manual_seed(0)))


def test_tied_weights_are_kept_once_and_come_back_under_both_names(tmp_path):
    whole, parts = Tied(), Tied()
    fit(whole, points(), rounds=6, progress=False)
    fit(Tied(), points(), rounds=3, resume=tmp_path, progress=False)
    fit(parts, points(), rounds=6, resume=tmp_path, progress=False)
    assert equal(weights(whole), weights(parts))
    assert parts.decoder.weight is parts.encoder.weight
    tensors, _ = checkpoint.load(tmp_path / FILE)
    assert torch.equal(tensors["weights.encoder.weight"], tensors["weights.decoder.weight"])
    assert checkpoint.header(tmp_path / FILE).shared == {
        "weights.decoder.weight": "weights.encoder.weight"
    }


def test_a_bare_game_may_keep_a_network_that_a_player_moves(tmp_path):
    def play(rounds, folder=None):
        model = Tied()
        game = model.game(rounds)
        game.keeps = [model]
        fit(game, points(), rounds=rounds, batch=4, resume=folder, progress=False)
        return weights(model)

    whole = play(6)
    play(3, tmp_path)
    assert equal(whole, play(6, tmp_path))


def test_a_class_of_ones_own_is_named_with_a_way_to_its_weights(tmp_path):
    fit(Tied(), points(), rounds=1, resume=tmp_path, progress=False)
    refused(
        lambda: zoo.load_run(tmp_path), "Tied", repr(Tied.__module__), "load_state_dict", FILE
    )
    tensors, _ = checkpoint.load(tmp_path / FILE)
    Tied().load_state_dict(checkpoint.section(tensors, "weights"))
    fit(Tied().game(1), points(), rounds=1, batch=4, resume=tmp_path / "bare", progress=False)
    refused(lambda: zoo.load_run(tmp_path / "bare"), "bare game")


def test_compiled_models_are_kept_as_what_they_are(tmp_path, digits):
    plain = small()
    fit(plain, digits, rounds=4, progress=False)
    fit(
        torch.compile(small(), backend="eager"),
        digits,
        rounds=2,
        resume=tmp_path,
        progress=False,
    )
    part = small()
    part.decoder = torch.compile(part.decoder, backend="eager")
    fit(part, digits, rounds=3, resume=tmp_path, progress=False)
    model = small()
    fit(model, digits, rounds=4, resume=tmp_path, progress=False)
    assert equal(weights(plain), weights(model))
    assert equal(weights(zoo.load_run(tmp_path)), weights(model))


def test_a_run_in_the_home_directory_is_loaded(tmp_path, digits, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = small()
    fit(model, digits, rounds=1, resume="~/run", progress=False)
    assert equal(weights(zoo.load_run("~/run")), weights(model))


def test_an_optimiser_of_ones_own_kind_is_resumed(tmp_path):
    def play(make, rounds, folder=None):
        model = Tied()
        game = model.game(rounds)
        game.round[0].players[0].optimiser = make
        fit(model, points(), game=game, rounds=rounds, resume=folder, progress=False)
        return weights(model)

    kinds = {
        "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "plain": lambda p: torch.optim.SGD(p, lr=0.1),
        "amsgrad": lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
        "adafactor": lambda p: torch.optim.Adafactor(p, lr=0.01),
        "groups": lambda p: torch.optim.Adam([{"params": p[:1], "lr": 0.1}, {"params": p[1:]}]),
    }
    for name, make in kinds.items():
        whole = play(make, 6)
        play(make, 3, tmp_path / name)
        assert equal(whole, play(make, 6, tmp_path / name)), name
    others = copy.copy(kinds)
    del others["plain"]
    for name, make in others.items():
        wrong = next(other for other in others if other != name)
        refused(lambda m=make, w=wrong: play(m, 7, tmp_path / w), "optimiser.w.")
