"""`fit`: what a caller may ask of a training, checked before any work."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from numbers import Real
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib.data import DataSet
from course_lib.data.progress import bars_wanted
from course_lib.errors import CourseError, whole_number
from course_lib.game import Game
from course_lib.training import distributed, previews
from course_lib.training import precision as precisions
from course_lib.training.budget import Budget
from course_lib.training.budget import budget as chosen_budget
from course_lib.training.history import History
from course_lib.training.loop import Training


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
    checkpoint_seconds: float = 30.0,
    device: str | torch.device | None = None,
    precision: str | None = None,
    preview: bool | Callable[[int], Tensor] = True,
    progress: bool | None = None,
) -> History:
    """Train `model` on `dataset` and return what happened.

    model     a model of the course, or a bare `Game` on networks of your own
    game      play this game instead of `model.game()`, for instance with a loss you wrote, or on
              a network of your own; its buffers (batch norm) are kept if it is in `game.keeps`
    budget    "smoke", "laptop" or "full": how many of the model's own rounds are played (default:
              COURSE_BUDGET, else laptop)
    rounds    so many instead
    batch     examples a batch, over all processes (default: the model's setting)
    seed      fixes data order and noise: on one machine the same seed, from the same first
              weights, trains the same model
    resume    a folder: continue the training kept there, or start it and keep it there; one
              process at a time may
    checkpoint_seconds  at least so long between two checkpoints in `resume`; 0: each round
    device    "cpu", "cuda", "mps" (default: COURSE_DEVICE, else where the model is); a bare
              game stays where its networks are
    precision  "single", or "mixed": convolutions and dense layers in bfloat16, about twice as
              fast where the processor can (default: COURSE_PRECISION, else single). A training
              is continued only in the precision that it was begun in
    preview   keep sample grids for replay; or a function round → tensor to keep instead. They
              cost at most a tenth of the time: where they are slow, fewer are kept
    progress  show a bar (default: yes, unless COURSE_PROGRESS=0)

    Interrupting (Ctrl-C, or Jupyter's stop button) ends after the round at hand and keeps what
    was trained. Resumed under other circumstances than it was begun (threads, memory layout,
    torch version …) a training goes on with a warning that its bits will differ. When a
    checkpoint can't be written, it warns, goes on, and returns the history, whose `unsaved` says
    why. Raises CourseError before any work when something does not fit, in the first round when
    losses are not as `own_gradients` wants them, and TrainingStopped when a loss is NaN, infinite
    or beyond 1e8, or a clipped gradient or a weight is not finite.
    """
    if isinstance(model, Game):
        model, game = None, model
    elif not isinstance(model, nn.Module) or not (game or hasattr(model, "game")):
        raise CourseError(
            "fit trains a model of the course, such as models.GAN(), or a Game; on a module of "
            f"your own pass fit(…, game=…). Got {type(model).__name__}."
        )
    if game is not None and not isinstance(game, Game):
        raise CourseError(f"game must be a Game, such as model.game(), not {game!r:.100}.")
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if not isinstance(dataset, DataSet):
        raise CourseError(
            f"fit takes a DataSet, got {type(dataset).__name__}: data.load(…) gives one, or "
            "data.DataSet(images, labels) of your own arrays."
        )
    seed = whole_number("seed", seed, -(2**63), 2**64 - 1)
    if not (isinstance(checkpoint_seconds, Real) and checkpoint_seconds >= 0):  # NaN is not
        raise CourseError(
            f"checkpoint_seconds must be a number from 0, not {checkpoint_seconds!r:.100}."
        )
    settings = getattr(model, "settings", {})
    rounds = _rounds(rounds, budget, settings)
    batch = settings.get("batch") if batch is None else batch
    if batch is None:
        raise CourseError("A bare game has no batch size of its own: pass fit(…, batch=…).")
    if hasattr(model, "require"):
        model.require(dataset)
    with ExitStack() as within:
        within.enter_context(distributed.joined())
        within.enter_context(torch.random.fork_rng(devices=[]))
        within.enter_context(torch.inference_mode(False))
        within.enter_context(torch.enable_grad())
        torch.manual_seed(seed)
        if model is not None:
            if device is None:
                device = os.environ.get("COURSE_DEVICE") or next(model.parameters()).device
            _move(model, device)
            model.train()
            within.callback(model.eval)
        game = game or model.game(rounds)
        _require_trainable(game, device if model is None else None)
        precision = precisions.chosen(precision, game.players[0].parameters[0])
        training = Training(model, game, dataset, batch, seed, precision)
        shown = previews.chosen(model, preview, seed)
        show = bars_wanted() if progress is None else progress
        if resume is not None:
            within.enter_context(training.kept_in(resume, checkpoint_seconds, rounds))
        training.play(rounds, shown, show and distributed.rank() == 0)
        return training.history


def _require_trainable(game: Game, device: object) -> None:
    """Refuse parameters made in inference mode, and a device that nobody is moved to."""
    first = game.players[0].parameters[0]
    if first.is_inference():
        raise CourseError(
            "This model was built under torch.inference_mode(), so its weights can't be "
            "trained: build it outside."
        )
    if device is not None and torch.device(device).type != first.device.type:
        raise CourseError(
            f"device={str(device)!r} moves a model, and here is a bare game on "
            f"{first.device}: move its networks yourself, by network.to(…)."
        )


def _rounds(rounds: int | None, budget: str | Budget | None, settings: dict) -> int:
    if rounds is not None:
        return whole_number("rounds", rounds)
    if "rounds" not in settings:
        raise CourseError("A bare game has no length of its own: pass fit(…, rounds=…).")
    return chosen_budget(budget).rounds(settings["rounds"])


def _move(model: nn.Module, device: str | int | torch.device) -> None:
    try:
        if torch.device(device).type == "meta":
            raise CourseError("Tensors on the meta device hold nothing: train on another.")
        model.to(device)
    except (AssertionError, RuntimeError, TypeError, NotImplementedError) as error:
        raise CourseError(  # torch's, where there is no such device
            f'Can\'t train on device={device!r:.100}: {error!s:.300}. Choose "cpu", or "cuda" or '
            '"mps" where there is one.'
        ) from error
