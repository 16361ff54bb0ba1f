"""The one training loop: it plays rounds of a game and knows nothing of any model.

`fit` draws, lets each move's players step by the gradients of their own losses in their own
parameters, records every term, keeps checkpoints, and can be interrupted, killed and resumed.
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.training import checkpoint, processes
from course_lib.training.budget import Budget
from course_lib.training.budget import budget as chosen_budget
from course_lib.training.draw import Draw
from course_lib.training.game import Game, Player, own_gradients
from course_lib.training.history import History
from course_lib.training.state import Exploded, State

EXPLODED = 1e8  # nats; no loss of the course comes near it while it still learns
SNAPSHOT_EVERY = 200  # rounds between copies of the last good state
CHECKPOINT_SECONDS = 30.0
GRIDS = 40


class TrainingStopped(CourseError):
    """A loss or gradient exploded; the model is back at its last good state.

    history  what was recorded until then
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def fit(
    model: nn.Module | Game,
    dataset: DataSet,
    *,
    game: Game | None = None,
    budget: str | Budget | None = None,
    rounds: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    resume: str | Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    device: str | torch.device | None = None,
    channels_last: bool = False,
    preview: bool | Callable[[int], Tensor] = True,
    progress: bool | None = None,
) -> History:
    """Train `model` on `dataset` and return what happened.

    model     a model of the course, or a bare `Game` on networks of your own
    game      play this game instead of `model.game()`, for instance with a loss you wrote
    budget    "smoke", "laptop" or "full" (default: COURSE_BUDGET, else laptop), or set
    rounds    directly
    batch     examples a batch, over all processes (default: the model's setting)
    seed      fixes data order and noise: the same seed trains the same model, on one machine
    resume    a folder: continue the training kept there, or start it and keep it there
    checkpoint_seconds  at least so long between two checkpoints in `resume`; 0: each round
    device    "cpu", "cuda", "mps" (default: COURSE_DEVICE, else where the model is)
    preview   keep sample grids for replay; or a function round → tensor to keep instead
    progress  show a bar (default: yes, unless COURSE_PROGRESS=0)

    Interrupting (Ctrl-C, or Jupyter's stop button) ends after the round at hand and keeps what
    was trained. Raises CourseError before any work when something does not fit, and
    TrainingStopped when a loss is NaN, infinite or beyond 1e8.
    """
    if isinstance(model, Game):
        model, game = None, model
    settings = getattr(model, "settings", {})
    rounds = _rounds(rounds, budget, settings)
    batch = batch or settings.get("batch")
    if batch is None:
        raise CourseError("A bare game has no batch size of its own: pass fit(…, batch=…).")
    _match(settings, dataset)
    with processes.joined(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model is not None:
            model.to(device or os.environ.get("COURSE_DEVICE") or _device(model))
            if channels_last:
                model.to(memory_format=torch.channels_last)
            model.train()
        game = game or model.game(rounds)
        run = _Run(model, game, dataset, batch, seed)
        if resume is not None:
            run.keep_in(Path(resume), checkpoint_seconds)
        show = (os.environ.get("COURSE_PROGRESS", "1") != "0") if progress is None else progress
        try:
            run.play(rounds, _previews(model, preview, seed), show and processes.rank() == 0)
        finally:
            if model is not None:
                model.eval()
        return run.history


class _Run:
    """One training: its game, optimisers, draw and history."""

    def __init__(
        self,
        model: nn.Module | None,
        game: Game,
        dataset: DataSet,
        batch: int,
        seed: int,
    ) -> None:
        first = game.players[0].parameters[0]
        self.model, self.game, self.seed = model, game, seed
        self.draw = Draw(dataset, batch, seed, first.device, first.dtype)
        self.optimisers = {p: p.optimiser(p.parameters) for p in game.players}
        self.rates = {
            p: [group["lr"] for group in optimiser.param_groups]
            for p, optimiser in self.optimisers.items()
        }
        self.state = State(game, model, self.optimisers, self.draw)
        self.history = History()
        self.file: Path | None = None
        facts = {
            "model": type(model).__name__ if model is not None else "game",
            "settings": getattr(model, "settings", {}),
            "batch": batch,
            "seed": seed,
            "examples": len(dataset),
        }
        self.facts = json.loads(json.dumps(facts))  # as a checkpoint will give them back

    # Keeping and continuing -----------------------------------------------------------------
    def keep_in(self, folder: Path, seconds: float) -> None:
        """Continue the training kept in `folder`, if there is one; keep this one there."""
        self.file, self.keep_every = folder / "checkpoint.safetensors", seconds
        if self.file.exists():
            tensors, facts = checkpoint.load(self.file)
            for name, here in self.facts.items():
                if facts.get(name) != here:
                    raise CourseError(
                        f"{folder} holds another training: its {name} is {facts.get(name)!r}, "
                        f"here it is {here!r}. Use the same, or another folder."
                    )
            self.state.restore(tensors, str(folder))
            self.history = History.from_tensors(checkpoint.section(tensors, "history"))
        elif processes.rank() == 0:
            self.save()  # a folder that can't be written to is found out before the work

    def save(self) -> None:
        """Write the checkpoint, by process 0."""
        self.kept = time.perf_counter()
        if self.file is None or processes.rank() > 0:
            return
        tensors = self.state.tensors()
        tensors |= {f"history.{name}": t for name, t in self.history.tensors().items()}
        promise = {"torch": torch.__version__, "threads": torch.get_num_threads()}
        checkpoint.save(
            self.file, tensors, self.facts | {"round": self.history.rounds} | promise
        )

    # Playing --------------------------------------------------------------------------------
    def play(self, rounds: int, previews: _Previews, show: bool) -> None:
        """Play until `rounds` are played, from wherever the history ends."""
        history, first = self.history, self.history.rounds
        processes.broadcast_(list(self.state.weights().values()))
        if first == 0 and self.game.start is not None:
            self.game.start(self.draw)
        good, self.kept = (first, self.state.copy()), time.perf_counter()
        when = previews.rounds(rounds)
        if first == 0 and previews.make is not None:
            history.grids.append((0, previews.make(0)))
        bar = tqdm(
            total=rounds,
            initial=min(first, rounds),
            disable=not show,
            leave=False,
            unit="round",
        )
        before = time.perf_counter()
        with bar, _interrupts() as interrupted:
            for t in range(first, rounds):
                self.draw.t = t
                try:
                    values = self.round(t)
                    if t + 1 - good[0] >= SNAPSHOT_EVERY or t + 1 == rounds:
                        self.state.require_finite()
                        good = (t + 1, self.state.copy()) if t + 1 < rounds else good
                except Exploded as error:
                    self.stop(error, t, good)
                now = time.perf_counter()
                history.record(values, now - before)
                before = now
                if t + 1 in when:
                    history.grids.append((t + 1, previews.make(t + 1)))
                bar.update(1)
                if show and now - bar.last_print_t > 0.5:
                    bar.set_postfix_str(_short(values), refresh=False)
                stop = processes.anyone(bool(interrupted))
                if stop or (self.file and now - self.kept >= self.keep_every):
                    self.save()
                if stop:
                    history.interrupted = True
                    bar.write(f"Interrupted after round {t + 1}; what was trained is kept.")
                    return
        if self.file and first < rounds:
            self.save()

    def round(self, t: int) -> dict[str, float]:
        """Play one round and return the mean of each loss term over its moves."""
        found: dict[str, list[float]] = {}
        for move in self.game.round:
            for _ in range(move.times):
                for name, value in self.move(move, t).items():
                    found.setdefault(name, []).append(value)
        if self.game.after is not None:
            self.game.after(t)
        if processes.world() > 1:
            processes.average_(self.state.buffers())
        return {name: sum(values) / len(values) for name, values in found.items()}

    def move(self, move, t: int) -> dict[str, float]:
        """One forward computation, all gradients, and only then all steps."""
        losses = move.losses(self.draw)
        gradients = own_gradients(losses, move.players)
        names = [f"{player}.{term}" for player, terms in losses.items() for term in terms]
        terms = [v.detach() for terms in losses.values() for v in terms.values()]
        if processes.world() > 1:
            terms = torch.stack(terms)
            processes.average_([g for own in gradients.values() for g in own] + [terms])
        values = dict(zip(names, _numbers(terms), strict=True))
        for name, value in values.items():
            if not abs(value) <= EXPLODED:  # also true of NaN
                raise Exploded(f"the loss term {name!r} is {value:.4g}")
        for player, own in gradients.items():
            self.step(player, own, t)
        return values

    def step(self, player: Player, gradients: list[Tensor], t: int) -> None:
        """The player's optimiser steps by its own gradients."""
        optimiser = self.optimisers[player]
        for parameter, gradient in zip(player.parameters, gradients, strict=True):
            if gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        if player.clip is not None:
            norm = nn.utils.clip_grad_norm_(player.parameters, player.clip)
            if not math.isfinite(norm):
                raise Exploded(f"the gradient of player {player.name!r} has norm {norm:.4g}")
        if player.schedule is not None:
            factor = player.schedule(t)
            for group, rate in zip(optimiser.param_groups, self.rates[player], strict=True):
                group["lr"] = factor * rate
        optimiser.step()
        for parameter in player.parameters:
            parameter.grad = None
        if player.project is not None:
            with torch.no_grad():
                player.project()

    def stop(self, error: CourseError, t: int, good: tuple[int, dict[str, Tensor]]) -> None:
        """Go back to the last good state, keep it, and say so."""
        self.state.restore(good[1])
        self.history.grids = [grid for grid in self.history.grids if grid[0] <= good[0]]
        for values in [*self.history.values.values(), self.history.seconds]:
            del values[good[0] :]
        self.save()
        raise TrainingStopped(
            f"Training stopped in round {t}: {error}. The model is back at round {good[0]}, the "
            "last good one. Try a smaller learning rate, clip the gradient, or look for a "
            "division by zero or the log of zero in the loss.",
            self.history,
        ) from error


class _Previews:
    """Which rounds are previewed, and how."""

    def __init__(self, make: Callable[[int], Tensor] | None) -> None:
        self.make = make

    def rounds(self, total: int) -> set[int]:
        """About forty rounds, denser at the beginning, where most changes."""
        if self.make is None:
            return set()
        return {round(total * (i / GRIDS) ** 2) for i in range(1, GRIDS + 1)} - {0}


def _previews(model, preview: bool | Callable[[int], Tensor], seed: int) -> _Previews:
    if callable(preview):
        return _Previews(preview)
    if not preview or not hasattr(model, "sample"):
        return _Previews(None)

    def make(_: int) -> Tensor:
        model.eval()
        shape = model.settings.get("shape", ())
        n = 64 if len(shape) == 3 else 512
        generator = torch.Generator().manual_seed(seed)
        found = model.sample(n, generator=generator).cpu()
        model.train()
        return (found * 255).round().to(torch.uint8) if len(shape) == 3 else found

    return _Previews(make)


def _rounds(rounds: int | None, budget: str | Budget | None, settings: dict) -> int:
    if rounds is None:
        if "rounds" not in settings:
            raise CourseError("A bare game has no length of its own: pass fit(…, rounds=…).")
        return chosen_budget(budget).rounds(settings["rounds"])
    if not (isinstance(rounds, int) and rounds >= 1):
        raise CourseError(f"Expected a whole number of rounds from 1, got {rounds!r}.")
    return rounds


def _match(settings: dict, dataset: DataSet) -> None:
    expected = tuple(settings.get("shape", dataset.shape))
    if expected != tuple(dataset.shape):
        raise CourseError(
            f"The model was built for data of shape {expected}, the data set holds "
            f"{tuple(dataset.shape)}: build it with shape={tuple(dataset.shape)}."
        )


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _numbers(terms: list[Tensor] | Tensor) -> list[float]:
    """Scalars as numbers: one by one on the CPU, where that is cheap, else after one wait."""
    if isinstance(terms, list):
        if terms[0].device.type == "cpu":
            return [term.item() for term in terms]
        terms = torch.stack(terms)
    return terms.tolist()


def _short(values: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in values.items())


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect interrupts, so that a round is never left half played; a second one is obeyed."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, frame) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
