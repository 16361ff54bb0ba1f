"""`fit`: seeds, budgets, history, previews, interrupts, explosions, and what it refuses."""

import math
import os
import pickle
import signal
import warnings

import numpy as np
import pytest
import torch
from shared import equal, refused, weights
from torch import nn
from torch.nn.functional import softplus

from course_lib import checkpoint, data, models, training, zoo
from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.training import (
    Game,
    Move,
    Player,
    Source,
    TrainingStopped,
    adam,
    fit,
    interrupts,
    sameness,
)
from course_lib.training.previews import rounds as rounds_of_previews
from course_lib.training.state import State, _laid_out


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").take(512)


def small(**more):
    return models.VAE(**{"hidden": (16,), "batch": 32, "anneal": False} | more)


def toy_game(loss, start=None, after=None, rate=0.1, **more):
    w = nn.Parameter(torch.tensor(1.0))
    player = Player("w", [w], lambda p: torch.optim.SGD(p, lr=rate), **more)
    move = Move([player], lambda source: {"w": {"loss": loss(w, source)}})
    return w, Game([move], start=start, after=after)


def points():
    return DataSet(torch.zeros(8, 2))


# What is drawn -------------------------------------------------------------------------------
def test_a_batch_that_processes_cannot_share_is_refused(digits, monkeypatch):
    monkeypatch.setattr(training.distributed, "world", lambda: 3)
    refused(lambda: Source(digits, 32), "batch of 32", "shared evenly by 3 processes")


def test_rows_are_those_of_the_last_batch_and_none_before_the_first(digits):
    source = Source(digits, 32)
    assert source.rows.shape == (0,) and not source.rows.is_floating_point()
    x = source.batch().x
    assert torch.equal(x, digits.batch(source.rows).x)


def test_dequantised_batches_keep_their_grey_levels_and_are_drawn_anew(digits):
    source = Source(digits, 32)
    x = source.batch().x
    first, second = source.dequantised(x), source.dequantised(x)
    for found in (first, second):
        assert torch.equal((256 * found).floor(), digits.images[source.rows].float())
    assert not torch.equal(first, second) and abs((256 * first % 1).mean() - 0.5) < 0.02
    source.uniform = lambda *shape: torch.full(shape, 1 - 2**-24)  # the largest that is drawn
    white = source.dequantised(torch.ones(1, 1, 28, 28))
    assert (white < 1).all() and ((256 * white).floor() == 255).all()


# Seeds and budgets ---------------------------------------------------------------------------
def test_the_same_seed_trains_the_same_model_whatever_the_global_state(digits):
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        model = small()
        history = fit(model, digits, rounds=5, seed=3, progress=False)
        runs.append((weights(model), history.terms))
    assert equal(runs[0][0], runs[1][0])
    assert all((runs[0][1][k] == runs[1][1][k]).all() for k in runs[0][1])
    other = small()
    fit(other, digits, rounds=5, seed=4, progress=False)
    assert not equal(weights(other), runs[0][0])


def test_fit_leaves_the_global_generator_alone(digits):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(small(), digits, rounds=2, progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_budgets_only_scale(monkeypatch):
    assert training.budget("full").rounds(120_000) == 120_000
    assert training.budget("laptop").rounds(120_000) == 6_000
    assert training.budget("smoke").rounds(120_000) == 24
    assert training.budget("smoke").rounds(5) == 5
    monkeypatch.setenv("COURSE_BUDGET", "smoke")
    assert training.budget().name == "smoke"
    assert training.budget().pick(smoke=1, laptop=2) == 1
    assert training.budget("full").pick(smoke=1, laptop=2) == 2
    monkeypatch.delenv("COURSE_BUDGET")
    assert training.budget().name == "laptop"
    with pytest.raises(CourseError, match="Did you mean 'laptop'"):
        training.budget("labtop")


# What is recorded ----------------------------------------------------------------------------
def test_history_holds_every_term_time_and_preview(digits):
    model = small(rounds=100_000)
    history = fit(model, digits, budget="smoke", progress=False)
    assert history.rounds == 20 and len(history.seconds) == 20 and min(history.seconds) > 0
    assert set(history.terms) == {"VAE.reconstruction", "VAE.kl"}
    assert all(len(v) == 20 for v in history.terms.values())
    assert [t for t, _ in history.grids][0] == 0 and history.grids[-1][0] == 20
    assert history.grids[0][1].shape == (64, 1, 28, 28)
    assert history.grids[0][1].dtype == torch.uint8
    assert "20 rounds" in history.summary() and "VAE.kl" in str(history)
    with pytest.raises(CourseError, match=r"VAE\.kl"):
        history.term("VAE.kll")


def test_previews_show_the_same_noise_and_do_not_disturb(digits):
    with_grids, without = small(), small()
    history = fit(with_grids, digits, rounds=6, progress=False)
    fit(without, digits, rounds=6, preview=False, progress=False)
    assert equal(weights(with_grids), weights(without))
    again = with_grids.sample(64, generator=torch.Generator().manual_seed(0))
    assert torch.equal((again * 255).round().to(torch.uint8), history.grids[-1][1])


@pytest.mark.parametrize(
    ("shape", "n"),
    [((1, 28, 28), 64), ((3, 32, 32), 64), ((3, 64, 64), 16), ((3, 512, 512), 1)],
)
def test_previews_of_colour_images_stay_small(shape, n):
    model = models.GAN(shape=shape, latent=2, hidden=(2,), batch=2)
    history = fit(model, DataSet(torch.zeros(4, *shape).byte()), rounds=2, progress=False)
    assert [t for t, _ in history.grids] == [0, 2]
    for _, grid in history.grids:
        assert grid.shape == (n, *shape) and grid.dtype == torch.uint8
    assert n == 1 or 40 * grid.numel() <= 8e6  # what a history and each checkpoint hold


def test_a_function_may_preview_something_else():
    w, game = toy_game(lambda w, source: w**2)
    history = fit(
        game, points(), rounds=8, batch=2, progress=False, preview=lambda t: w.detach().clone()
    )
    assert [t for t, _ in history.grids] == [0, 2, 8]
    assert history.grids[0][1].item() == 1.0 and history.grids[-1][1].item() == w.item()


@pytest.mark.parametrize("found", [np.zeros(3), None])
def test_a_preview_that_is_no_tensor_is_refused_before_the_work(found):
    w, game = toy_game(lambda w, source: w**2)
    with pytest.raises(CourseError, match=f"tensor.*{type(found).__name__}"):
        fit(game, points(), rounds=8, batch=2, progress=False, preview=lambda t: found)
    assert w.item() == 1.0


class Clock:
    """A clock that stands still until it is put forward; `losses` of toy_game may do so."""

    def __init__(self, monkeypatch):
        self.now = 5.0
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def game(self, seconds):
        def loss(w, source):
            self.now += seconds
            return w**2

        return toy_game(loss)


@pytest.mark.parametrize(("each", "most"), [(0.001, 39), (0.5, 21), (20.0, 5)])
def test_previews_cost_at_most_a_tenth_of_the_time_and_keep_their_rounds(
    monkeypatch, each, most
):
    clock = Clock(monkeypatch)
    _, game = clock.game(0.4)

    def preview(t):
        clock.now += each
        return torch.zeros(1)

    history = fit(game, points(), rounds=200, batch=2, progress=False, preview=preview)
    taken = [t for t, _ in history.grids]
    assert taken[0] == 0 and taken[-1] == 200 and len(taken) <= most
    assert set(taken) <= rounds_of_previews(200) | {0}
    assert (len(taken) == 39) == (each < 0.01)
    # Before one is taken no more is spent; the last one is taken in any case.
    assert each * (len(taken) - 2) <= 2 + 0.1 * 200 * 0.4 + each


def test_the_bar_shows_the_losses_whatever_its_own_clock_says(monkeypatch):
    clock, shown = Clock(monkeypatch), []
    _, game = clock.game(0.2)

    class Bar:
        last_print_t = 1.7e9  # tqdm's is the time of day

        def __init__(self, **settings):
            assert not settings["disable"] and settings["total"] == 10

        __enter__ = lambda self: self
        __exit__ = lambda self, *error: None

        def update(self, n):
            pass

        def set_postfix_str(self, text, refresh):
            shown.append(text)

    monkeypatch.setattr("course_lib.training.loop.tqdm", Bar)
    history = fit(game, points(), rounds=10, batch=2, progress=True)
    # At once, and then every half second, which is every third round.
    assert shown == [f"w.loss {history.term('w.loss')[t]:.3g}" for t in (0, 3, 6, 9)]


def test_start_schedule_clip_project_and_after_are_called():
    seen = []
    w, game = toy_game(
        lambda w, source: 10 * w,
        start=lambda source: seen.append(("start", source.batch().x.shape[0])),
        after=lambda t: seen.append(("after", t)),
        rate=1.0,
        clip=0.5,
        schedule=lambda t: 1 / (t + 1),
        project=lambda: w.clamp_(min=-0.1),
    )
    fit(game, points(), rounds=2, batch=2, progress=False)
    assert seen == [("start", 2), ("after", 0), ("after", 1)]
    # 1 − .5·1 = .5, then .5 − .5·½ = .25
    assert w.item() == pytest.approx(0.25, abs=1e-5)
    fit(game, points(), rounds=2, batch=2, progress=False)
    assert w.item() == pytest.approx(-0.1)


# Stopping ------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e12])
def test_an_exploding_term_stops_before_the_step_and_names_player_and_term(bad):
    w, game = toy_game(lambda w, source: w**2 if source.t < 7 else w * bad)
    with pytest.raises(TrainingStopped) as caught:
        fit(game, points(), rounds=20, batch=2, progress=False)
    message = str(caught.value)
    assert "round 7" in message and "'w.loss'" in message and "learning rate" in message
    assert math.isfinite(w.item())
    assert caught.value.history.rounds == 0  # the last good state is the start's
    twin = pickle.loads(pickle.dumps(caught.value))  # as a pool of processes hands it over
    assert str(twin) == message and twin.history == caught.value.history


def test_a_gradient_that_explodes_goes_back_to_the_last_good_state(digits):
    model = small()

    def game():
        inner = model.game(10)
        losses = inner.round[0].losses

        def broken(source):
            found = losses(source)
            if source.t == 250:  # a finite loss whose gradient is not: √ at zero
                first = next(model.encoder.parameters())
                found["VAE"]["root"] = (first * 0).abs().sum().sqrt()
            return found

        inner.round[0].losses = broken
        return inner

    with pytest.raises(TrainingStopped) as caught:
        fit(model, digits, game=game(), rounds=300, progress=False)
    assert caught.value.history.rounds == 200
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert model.sample(2).isfinite().all()
    history = caught.value.history
    assert len(history.term("VAE.kl")) == 200 and history.grids[-1][0] <= 200


def test_a_clipped_gradient_that_is_not_finite_is_caught_at_once():
    w, game = toy_game(lambda w, source: (w * 0).abs().sqrt(), clip=1.0)
    with pytest.raises(TrainingStopped, match="gradient of player 'w'"):
        fit(game, points(), rounds=3, batch=2, progress=False)
    assert w.item() == 1.0


def test_an_interrupt_is_obeyed_though_the_round_ends_otherwise():
    """What a hook raises in the round of a Ctrl-C, such as a search that prunes, hides it not."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupts.collected() as came:
        signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
        raise StopIteration("pruned")
    with pytest.raises(ZeroDivisionError), interrupts.collected():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_round_and_keeps_the_work(tmp_path, digits, number):
    model = small()
    game = model.game(50)
    losses = game.round[0].losses

    def interrupted(source):
        if source.t == 3:
            os.kill(os.getpid(), number)
        return losses(source)

    game.round[0].losses = interrupted
    history = fit(model, digits, game=game, rounds=50, resume=tmp_path, progress=False)
    assert history.interrupted and history.rounds == 4
    whole = small()
    fit(whole, digits, rounds=8, progress=False)
    resumed = small()
    found = fit(resumed, digits, rounds=8, resume=tmp_path, progress=False)
    assert found.rounds == 8 and not found.interrupted
    assert equal(weights(whole), weights(resumed))
    assert signal.getsignal(number) is not None  # the old handler is back
    assert "note" not in repr(signal.getsignal(number))


# Resuming ------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [small, lambda: models.GAN(hidden=(16,), batch=32, k=2)])
def test_a_resumed_training_ends_in_the_same_bits(tmp_path, digits, make):
    whole = make()
    history = fit(whole, digits, rounds=30, progress=False)
    for rounds in (1, 13, 14, 30):
        resumed = make()
        found = fit(resumed, digits, rounds=rounds, resume=tmp_path, progress=False)
    assert equal(weights(whole), weights(resumed))
    assert all((history.terms[k] == found.terms[k]).all() for k in history.terms)
    again = make()
    fit(again, digits, rounds=30, resume=tmp_path, progress=False)
    assert equal(weights(resumed), weights(again))


def test_a_resumed_history_keeps_the_order_of_its_terms(tmp_path, digits):
    def terms(rounds):
        model = models.GAN(hidden=(16,), batch=32)
        history = fit(model, digits, rounds=rounds, resume=tmp_path, progress=False)
        return list(history.terms)

    assert terms(2) == terms(4) == ["D.real", "D.fake", "G.fake"]


def test_a_history_kept_before_its_order_was_is_read():
    history = training.History()
    history.record({"D.real": 1.0, "D.fake": 2.0}, 0.1)
    names = {f"term.{i:04d}.{name}": f"values.{name}" for i, name in enumerate(history.terms)}
    old = {names.get(name, name): tensor for name, tensor in history.tensors().items()}
    assert names.keys().isdisjoint(old)
    assert training.History.from_tensors(old) == history


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_counter_goes_where_its_optimiser_wants_it(fused):
    step = torch.tensor(3.0)
    for parameter in (torch.empty(2, device="meta"), torch.empty((), device="meta")):
        found = _laid_out("step", step, parameter, fused)
        assert found.device.type == ("meta" if fused else "cpu")
    found = _laid_out("step", step, torch.empty(2), fused)
    assert found == step and found.data_ptr() != step.data_ptr()


def test_a_folder_in_the_home_directory_is_found(tmp_path, digits, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    fit(small(), digits, rounds=1, resume="~/run", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


class Picture(nn.Module):
    """A convolution, whose weights can lie in two ways."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Conv2d(3, 4, 3)

    def game(self, rounds):
        def losses(source):
            return {"w": {"loss": self.network(source.batch().x).square().mean()}}

        return Game([Move([Player("w", self.parameters(), adam(0.01))], losses)])


def resumed(folder, rounds, layout=torch.contiguous_format):
    """Train on to `rounds`, and return the warnings."""
    images = DataSet(torch.full((8, 3, 6, 6), 100, dtype=torch.uint8))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = Picture().to(memory_format=layout)
        fit(model, images, rounds=rounds, batch=4, resume=folder, progress=False)
    return [str(warning.message) for warning in caught]


def test_a_warning_names_what_keeps_a_resumed_training_from_the_same_bits(tmp_path):
    assert resumed(tmp_path, 2) == []
    assert resumed(tmp_path, 4) == []
    (message,) = resumed(tmp_path, 6, layout=torch.channels_last)
    assert "memory layout was contiguous, now channels last" in message
    assert "after round 4" in message and "threads" not in message and "torch" not in message
    assert resumed(tmp_path, 8, layout=torch.channels_last) == []  # as the checkpoint now tells
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        (message,) = resumed(tmp_path, 10)
    finally:
        torch.set_num_threads(threads)
    assert f"threads was {threads}, now {threads + 1}" in message
    assert "memory layout was channels last, now contiguous" in message
    assert resumed(tmp_path, 10) == []  # nothing is left to train


@pytest.mark.parametrize("name", ["torch", "processes", "device"])
def test_each_circumstance_of_the_promise_is_compared(tmp_path, name):
    resumed(tmp_path, 1)
    file = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(file)
    checkpoint.save(file, tensors, facts | {name: "of yore"})
    (message,) = resumed(tmp_path, 2)
    assert f"{name} was of yore, now {facts[name]}" in message
    assert message.count(", now ") == 1
    tensors, facts = checkpoint.load(file)
    del facts[name]  # written before this circumstance was kept
    checkpoint.save(file, tensors, facts)
    assert resumed(tmp_path, 3) == []


def test_nothing_finished_is_trained_again(tmp_path, digits):
    first = small()
    fit(first, digits, rounds=5, resume=tmp_path, progress=False)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    second = small()
    history = fit(second, digits, rounds=5, resume=tmp_path, progress=False)
    assert history.rounds == 5 and equal(weights(first), weights(second))
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_whole_numbers_of_numpy_and_torch_are_numbers(digits):
    plain, numpy, torchs = small(), small(), small()
    fit(plain, digits, rounds=2, batch=16, seed=3, progress=False)
    numbers = {"rounds": np.int64(2), "batch": np.int32(16), "seed": np.uint64(3)}
    fit(numpy, digits, **numbers, progress=False)
    numbers = {"rounds": torch.tensor(2), "batch": torch.tensor(16), "seed": torch.tensor(3)}
    fit(torchs, digits, **numbers, progress=False)
    assert equal(weights(plain), weights(numpy)) and equal(weights(plain), weights(torchs))


def test_fit_computes_gradients_where_they_are_switched_off(digits):
    plain, off, inference = small(), small(), small()
    fit(plain, digits, rounds=2, progress=False)
    with torch.no_grad():
        fit(off, digits, rounds=2, progress=False)
    with torch.inference_mode():
        fit(inference, digits, rounds=2, progress=False)
        born = small()
    assert equal(weights(plain), weights(off)) and equal(weights(plain), weights(inference))
    refused(lambda: fit(born, digits, rounds=1, progress=False), "inference_mode", "outside")


def test_a_bare_game_is_not_moved_to_a_device_without_a_word():
    _, game = toy_game(lambda w, source: w**2)
    arguments = {"rounds": 1, "batch": 2, "progress": False}
    refused(lambda: fit(game, points(), device="cuda", **arguments), "bare game", ".to(")
    assert fit(game, points(), device="cpu", **arguments).rounds == 1


def test_a_model_is_ready_to_sample_after_fit(digits):
    model = small()
    fit(model, digits, rounds=1, progress=False)
    assert not model.training


# A game of one's own on a library model ------------------------------------------------------
def beside(seed=0, bad=None):
    """A library GAN's generator against a network that is no part of the model."""
    model = models.GAN(hidden=(16,), batch=32)
    torch.manual_seed(seed)
    D = nn.Linear(784, 1)
    judge = Player("D", D.parameters(), adam(0.01))
    G = Player("G", model.generator.parameters(), adam(0.001))

    def fakes(source):
        return D(model.generator(source.normal(32, 64)))

    def discriminate(source):
        real = D(model.seen(source.batch().x))
        return {"D": {"real": softplus(-real).mean(), "fake": softplus(fakes(source)).mean()}}

    def generate(source):
        sign = float("nan") if source.t == bad else 1.0
        return {"G": {"fake": sign * softplus(-fakes(source)).mean()}}

    return model, D, Game([Move([judge], discriminate), Move([G], generate)])


def test_a_network_beside_the_model_is_resumed_with_it(tmp_path, digits):
    model, whole, game = beside()
    fit(model, digits, game=game, rounds=6, progress=False)
    for seed, rounds in ((0, 3), (1, 6)):
        model, D, game = beside(seed)
        fit(model, digits, game=game, rounds=rounds, resume=tmp_path, progress=False)
    assert torch.equal(D.weight, whole.weight)
    assert equal(weights(zoo.load_run(tmp_path)), weights(model))


def test_a_network_beside_the_model_goes_back_with_it(digits):
    model, D, game = beside(bad=4)
    before = D.weight.detach().clone()
    with pytest.raises(TrainingStopped, match="back at round 0"):
        fit(model, digits, game=game, rounds=6, progress=False)
    assert torch.equal(D.weight, before)


# What it refuses -----------------------------------------------------------------------------
def test_refusals_come_before_the_work(tmp_path, digits):
    def run(model=None, images=digits, **more):
        more.setdefault("rounds", 1)
        return lambda: fit(model or small(), images, progress=False, **more)

    refused(run(models.VAE(shape=(3, 32, 32))), "(3, 32, 32)", "(1, 28, 28)", "shape=")
    refused(run(batch=1000), "1000", "512 examples", "larger data set")
    refused(run(rounds=0), "rounds must be a whole number from 1")
    refused(run(rounds=2.5), "2.5")
    refused(run(rounds=None, budget="fulll"), "Did you mean 'full'")
    refused(run(batch=0), "batch", "from 1 to 512", "not 0")
    refused(run(batch=2.5), "batch", "from 1 to 512", "not 2.5")
    refused(run(seed=None), "seed", "None")
    refused(run(seed=0.5), "seed", "0.5")
    refused(run(seed=2**64), "seed must be a whole number", "to 18,446,744,073,709,551,615")
    refused(run(seed=True), "seed")
    refused(run(rounds=True), "rounds must be a whole number from 1")
    for device in ("gpu", 0, 3.5, "meta", "cuda:x"):
        refused(run(device=device), repr(device) if device != "meta" else "meta")
    refused(run(device="gpu"), '"cpu"')
    refused(run(images=digits.images), "DataSet", "Tensor")
    refused(run(images=[1]), "DataSet", "list")
    refused(run(nn.Linear(2, 2), batch=2), "Linear", "game")
    refused(run(models.GAN), "models.GAN()")
    refused(run(game=3), "game must be a Game")
    for odd in ("30", None, float("nan"), -1):
        refused(run(checkpoint_seconds=odd), "checkpoint_seconds", repr(odd))
    _, game = toy_game(lambda w, source: w)
    refused(lambda: fit(game, points(), batch=2), "rounds=")
    refused(lambda: fit(game, points(), rounds=2), "batch=")


def test_a_folder_of_another_training_is_refused_and_left_as_it_was(tmp_path, digits):
    fit(small(), digits, rounds=1, resume=tmp_path, progress=False)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    gan = models.GAN(hidden=(16,), batch=32)
    for model, word in ((gan, "'VAE'"), (small(latent=3), "latent"), (small(), "seed")):
        seed = 1 if word == "seed" else 0
        refused(
            lambda m=model, s=seed: fit(
                m, digits, rounds=2, seed=s, resume=tmp_path, progress=False
            ),
            "another training",
            word,
        )
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_other_data_of_the_same_size_are_refused_and_unnamed_ones_taken(tmp_path, digits):
    def train(images, rounds):
        return fit(small(), images, rounds=rounds, resume=tmp_path, progress=False)

    train(digits, 1)
    other = DataSet(digits.images, digits.labels)
    refused(lambda: train(other, 2), "another training", "data is 'digits (train)", "'unnamed")
    file = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(file)
    del facts["data"]  # written before it was kept
    checkpoint.save(file, tensors, facts)
    assert train(digits, 2).rounds == 2


def test_another_part_of_the_same_data_is_noticed(tmp_path, digits):
    def train(rows, rounds):
        part = digits.subset(rows)
        return fit(small(), part, rounds=rounds, resume=tmp_path, progress=False)

    train(slice(0, 200), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(slice(0, 200), 2)
    with pytest.warns(UserWarning, match="the data's checksum was"):
        assert train(slice(200, 400), 3).rounds == 3


def test_a_refusal_names_only_the_setting_that_differs(tmp_path, digits):
    fit(small(), digits, rounds=1, resume=tmp_path, progress=False)
    with pytest.raises(CourseError, match="setting latent is 2, here it is 3") as caught:
        fit(small(latent=3), digits, rounds=2, resume=tmp_path, progress=False)
    assert "hidden" not in str(caught.value)


def test_a_training_goes_on_that_was_begun_before_a_setting_existed(tmp_path, digits):
    def gan(**more):
        return models.GAN(hidden=(16,), batch=32, **more)

    fit(gan(), digits, rounds=1, resume=tmp_path, progress=False)
    file = tmp_path / "checkpoint.safetensors"
    tensors, facts = checkpoint.load(file)
    del facts["settings"]["order"]
    checkpoint.save(file, tensors, facts)
    refused(
        lambda: fit(
            gan(order="simultaneous"), digits, rounds=2, resume=tmp_path, progress=False
        ),
        "setting order is 'alternating'",
    )
    assert fit(gan(), digits, rounds=2, resume=tmp_path, progress=False).rounds == 2
    facts["settings"]["momentum"] = 0.9
    checkpoint.save(file, tensors, facts)
    refused(
        lambda: fit(gan(), digits, rounds=2, resume=tmp_path, progress=False),
        "setting momentum is 0.9, here it is None",
    )


def test_nothing_is_unpickled():
    import pathlib

    import course_lib

    for file in pathlib.Path(course_lib.__file__).parent.rglob("*.py"):
        text = file.read_text()
        assert "torch.load(" not in text and "import pickle" not in text, file
        assert "allow_pickle=True" not in text, file


def test_means_over_rounds_are_of_the_last_ones():
    history = training.History()
    for i in range(300):
        history.record({"w.loss": float(i)}, 0.01)
    assert "249.5" in history.summary()
    assert np.isclose(history.term("w.loss")[-1], 299)


def test_adam_is_fused():
    assert adam(1e-3)([nn.Parameter(torch.zeros(1))]).defaults["fused"]


def test_a_history_says_what_it_holds_in_one_line():
    history = training.History()
    assert str(history) == "nothing trained yet"
    history.record({"loss": 2.0}, 0.1)
    assert repr(history) == "History(1 rounds; means of the last 1: loss 2.000)"


def test_a_source_names_the_attributes_that_its_images_have():
    x = torch.zeros(8, 1, 4, 4, dtype=torch.uint8)
    source = training.Source(DataSet(x, attributes={"size": torch.arange(8)}), 4)
    source.batch()
    assert torch.equal(source.attribute("size"), source.rows)
    refused(lambda: source.attribute("sise"), "attribute", "Did you mean 'size'?")


def test_a_second_signal_is_obeyed_at_once():
    with pytest.raises(KeyboardInterrupt), interrupts.collected() as came:
        signal.raise_signal(signal.SIGINT)
        assert came == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)


def test_factors_that_are_no_numbers_are_not_compared():
    assert sameness._close(["a"], [1.0]) and not sameness._close([2.0], [1.0])


def test_a_player_whose_weights_are_no_numbers_is_named(digits):
    model = models.GAN(hidden=(16,), batch=32)
    state = State(model.game(4), model, {}, training.Source(digits, 32))
    state.require_finite()
    with torch.no_grad():
        next(model.generator.parameters()).fill_(math.inf)
    refused(state.require_finite, "parameters of player 'G' became NaN or infinite")
