"""The one training loop: it plays rounds of a game and knows nothing of any model.

It lets each move's players step by the gradients of their own losses in their own parameters,
records every term, and goes back to the last good state when a term, a gradient or a weight
explodes.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib.data import DataSet
from course_lib.errors import CourseError
from course_lib.game import Game, Player, own_gradients
from course_lib.training import distributed, interrupts
from course_lib.training import precision as precisions
from course_lib.training.history import History
from course_lib.training.previews import Preview, Previews
from course_lib.training.run import Run
from course_lib.training.sameness import identity
from course_lib.training.source import Source
from course_lib.training.state import Exploded, State

EXPLODED = 1e8  # nats; no loss of the course comes near it while it still learns
SNAPSHOT_EVERY = 200  # rounds between copies of the last good state
SHOW_EVERY = 0.5  # seconds between the losses that the bar shows


class TrainingStopped(CourseError):
    """A loss, gradient or weight exploded; the model is back at its last good state.

    history  what was recorded until then
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self) -> tuple:  # an exception comes out of another process pickled
        return type(self), (str(self), self.history)


class Training:
    """One training: its game, optimisers, source and history."""

    def __init__(
        self,
        model: nn.Module | None,
        game: Game,
        dataset: DataSet,
        batch: int,
        seed: int,
        precision: str = precisions.SINGLE,
    ) -> None:
        first = game.players[0].parameters[0]
        self.game = game
        self.source = Source(dataset, batch, seed, first.device, first.dtype)
        self.optimisers = {p: p.optimiser(p.parameters) for p in game.players}
        self.rates = {
            p: [group["lr"] for group in optimiser.param_groups]
            for p, optimiser in self.optimisers.items()
        }
        self.state = State(game, model, self.optimisers, self.source)
        self.history = History()
        self.run: Run | None = None
        self.precision = precision
        self.run_id = identity(model, dataset, self.source.size, seed, precision)
        recipes = getattr(model, "recipes", {})
        self.recipes = [recipes.get("course", {}), *recipes.values()]

    @contextmanager
    def kept_in(self, folder: Path | str, seconds: float, rounds: int) -> Iterator[None]:
        """Continue the training kept in `folder`, if there is one; within it keep this one."""
        run = Run(folder, self.run_id, self.recipes, self.state, seconds, rounds)
        with run.resumed() as self.history:
            self.run = run
            yield

    def play(self, rounds: int, preview: Preview | None, show: bool) -> None:
        """Play until `rounds` are played, from wherever the history ends."""
        history, first = self.history, self.history.rounds
        distributed.broadcast_([*self.state.weights().values(), *self.state.kept().values()])
        if first == 0 and self.game.start is not None:
            with precisions.within(self.precision):
                self.game.start(self.source)
        good, run = (first, self.state.copy()), self.run
        previews = Previews(preview, rounds)
        if first == 0:
            history.grids.extend(previews.at(0))
        bar = tqdm(
            total=rounds,
            initial=min(first, rounds),
            disable=not show,
            leave=False,
            unit="round",
        )
        before, shown = time.perf_counter(), -math.inf
        if show and run and run.notice and first < rounds:
            bar.write(run.notice)
        with bar, interrupts.collected() as interrupted:
            for t in range(first, rounds):
                self.source.t = t
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
                history.grids.extend(previews.at(t + 1))
                if show and now - shown >= SHOW_EVERY:
                    text = " ".join(f"{name} {value:.3g}" for name, value in values.items())
                    bar.set_postfix_str(text, refresh=False)
                    shown = now
                bar.update(1)
                stop = distributed.anyone(bool(interrupted))
                if run and (stop or (t + 1 < rounds and now - run.last >= run.every)):
                    run.keep(history, last=stop)
                if stop:
                    history.interrupted = True
                    history.stopped_by = interrupted[0] if interrupted else signal.SIGINT
                    bar.write(f"Interrupted after round {t + 1}; what was trained is kept.")
                    return
        if run and first < rounds:
            run.keep(history, last=True)

    def round(self, t: int) -> dict[str, float]:
        """Play one round and return the mean of each loss term over its moves."""
        found: dict[str, list[float]] = {}
        for move in self.game.round:
            for _ in range(move.times):
                for name, value in self.move(move, t).items():
                    found.setdefault(name, []).append(value)
        if self.game.after is not None:
            self.game.after(t)
        if distributed.world() > 1:
            distributed.average_(self.state.buffers())
        return {name: sum(values) / len(values) for name, values in found.items()}

    def move(self, move, t: int) -> dict[str, float]:
        """One forward computation, all gradients, and only then all steps."""
        with precisions.within(self.precision):
            losses = move.losses(self.source)
            gradients = own_gradients(losses, move.players)
        names = [f"{player}.{term}" for player, terms in losses.items() for term in terms]
        terms = [v.detach() for terms in losses.values() for v in terms.values()]
        if distributed.world() > 1:
            terms = _one_tensor(terms)
            distributed.average_([g for own in gradients.values() for g in own] + [terms])
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
        self.history.cut(good[0])
        if self.run is not None:
            self.run.keep(self.history, last=True)
        raise TrainingStopped(
            f"Training stopped in round {t}: {error}. The model is back at round {good[0]}, the "
            "last good one. Try a smaller learning rate, clip the gradient, or look for a "
            "division by zero or the log of zero in the loss.",
            self.history,
        ) from error


def _one_tensor(terms: list[Tensor]) -> Tensor:
    """Scalars as a tensor (n,); one of shape (1,) is a scalar, too."""
    return torch.stack([term.reshape(()) for term in terms])


def _numbers(terms: list[Tensor] | Tensor) -> list[float]:
    """Scalars as numbers: one by one on the CPU, where that is cheap, else after one wait."""
    if isinstance(terms, list) and terms[0].device.type == "cpu":
        return [term.item() for term in terms]
    return (_one_tensor(terms) if isinstance(terms, list) else terms).tolist()
