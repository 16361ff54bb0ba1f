"""Studies: many trials of one model on one data set, kept where several processes meet.

Everything that chooses, remembers or prunes is optuna's. Here a trial becomes its objective, and
a file name or a database address becomes its storage. Lesson 12 runs one.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from course_lib.data import DataSet
from course_lib.data.progress import bars_wanted
from course_lib.errors import CourseError, real_number, whole_number
from course_lib.models import Model
from course_lib.training import TrainingStopped
from course_lib.tuning import trials as trial_of
from course_lib.tuning.spaces import distributions, searched, suggested
from course_lib.tuning.storage import opened

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
IDENTITY = "identity"  # the attribute of a study that says of what it is


def study(
    name: str,
    storage: str | Path | optuna.storages.BaseStorage | None = None,
    sampler: optuna.samplers.BaseSampler | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
) -> optuna.Study:
    """The study of that name, begun or joined; the lowest score is the best.

    storage  a journal file, which processes of one machine may share; a database's address
             ("postgresql://…", "mysql://…") where several machines search; or what `opened`
             gave. None: in memory
    sampler  what asks for settings (None: optuna's TPE); pruner: what ends hopeless trials
             (None: those below the median of the others at the same point)
    """
    for given, kind, example in (
        (sampler, optuna.samplers.BaseSampler, "optuna.samplers.TPESampler()"),
        (pruner, optuna.pruners.BasePruner, "optuna.pruners.MedianPruner()"),
    ):
        if given is not None and not isinstance(given, kind):
            raise CourseError(f"Expected None or one such as {example}, not {given!r:.60}.")
    return optuna.create_study(
        study_name=name,
        storage=opened(storage),
        sampler=sampler,
        pruner=pruner,
        direction="minimize",
        load_if_exists=True,
    )


def search(
    kind: type[Model],
    dataset: DataSet,
    *,
    trials: int,
    seconds: float,
    storage: str | Path | optuna.storages.BaseStorage | None = None,
    fixed: Mapping[str, Any] = {},
    held_back: int = trial_of.HELD_BACK,
    sampler: optuna.samplers.BaseSampler | None = None,
    pruner: optuna.pruners.BasePruner | None = None,
    progress: bool | None = None,
) -> optuna.Study:
    """Try settings of a model until the study has so many trials, of so many processor seconds.

    kind, fixed   a class of models, and settings that stay as they are ("recipe" is one)
    dataset       a training split
    trials        in all: what other processes and earlier calls have ended counts. Each process
                  ends the trial that it is at, so there may be one more for each other process
    storage       as in `study`
    held_back     images that choose, 256 or more; the rest is learned from. Scores depend on it

    The study is of this class, data, seconds, held_back and fixed settings, so the same call goes
    on with it, from another process too. Where one of them differs, a CourseError says which; a
    study of an older edition knows its settings only, and takes on the rest of who joins it.
    A training that explodes is a failed trial. Ctrl-C ends the search after a round; the trial at
    hand counts as failed. Raises CourseError before the first trial when something does not fit.
    """
    whole_number("trials", trials)
    real_number("seconds, those of a trial,", seconds, "(0, inf)")
    if not (isinstance(kind, type) and issubclass(kind, Model) and kind is not Model):
        raise CourseError(
            "search takes a class of models, such as models.GAN without brackets, not "
            f"{kind!r:.60}."
        )
    if not isinstance(dataset, DataSet):
        raise CourseError(f"search takes a DataSet, not {type(dataset).__name__}.")
    varied = searched(kind, fixed)
    model = kind(**fixed)
    model.require(dataset)
    images = trial_of.split(dataset, held_back)
    batches = varied["batch"].options if "batch" in varied else [model.settings.get("batch", 1)]
    if max(batches) > len(images.learned):
        raise CourseError(
            f"A batch of {max(batches):,} is more than the {len(images.learned):,} images that "
            "are left to learn from: fix a smaller batch, or hold fewer back (held_back)."
        )
    name = f"{kind.__name__} on {dataset.card.name}, {seconds:g} s"
    if held_back != trial_of.HELD_BACK:
        name += f", {held_back:,} held back"
    found = study(name, storage, sampler, pruner)
    _require_the_same(found, _identity(model, dataset, seconds, len(images.held), fixed))

    def objective(trial: optuna.Trial) -> float:
        chosen = kind(**{"seed": trial.number, **suggested(trial, kind, fixed)})
        trial.set_user_attr("settings", chosen.settings)
        rounds = trial_of.rounds_in(chosen, images.learned, seconds)

        def tell(point: trial_of.Point) -> None:
            steps.append(point)
            trial.report(point.score, len(steps))
            if len(steps) < len(trial_of.SHARES) and trial.should_prune():
                raise optuna.TrialPruned

        steps: list[trial_of.Point] = []
        trial.set_user_attr("rounds", rounds)
        return trial_of.play(chosen, images, rounds, trial.number, tell)[-1].score

    left = trials - len(found.get_trials(deepcopy=False, states=ENDED))
    if left > 0:
        with _told_in_a_line(), _told_by_the_storage():
            found.optimize(
                objective,
                n_trials=left,
                callbacks=[MaxTrialsCallback(trials, states=ENDED)],
                catch=(TrainingStopped,),
                show_progress_bar=bars_wanted() if progress is None else progress,
            )
    return found


def _identity(
    model: Model, dataset: DataSet, seconds: float, held_back: int, fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """What makes it this study and no other: what its scores depend on, and what it varies."""
    kind = type(model)
    found = {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "data": f"{len(dataset):,} of shape {dataset.shape}, {dataset.digest()}",
        "seconds": float(seconds),
        "held_back": held_back,
        **_settings(model.settings, distributions(kind, fixed)),
        "setting seed": model.settings["seed"] if "seed" in fixed else "each trial's own",
    }
    return json.loads(json.dumps(found))  # as every storage gives it back


def _settings(settings: Mapping[str, Any], searched: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by the names that they have in an identity; of those searched, in words, where."""
    words = {
        name: f"searched in {getattr(one, 'choices', None) or (one.low, one.high)}"
        for name, one in searched.items()
    }
    own = ("seed", "rounds")  # which differ from trial to trial
    found = {name: value for name, value in settings.items() if name not in own} | words
    return {f"setting {name}": value for name, value in found.items()}


def _require_the_same(found: optuna.Study, identity: dict[str, Any]) -> None:
    """Refuse another study's trials, and say in what it is another; a new one keeps what it is.

    A setting that is younger than the study is no difference.
    """
    kept = there = found.user_attrs.get(IDENTITY)
    if kept is None:  # it is new, or an older edition's, whose trials tell of settings
        there = {}
        for trial in found.get_trials(deepcopy=False):
            there |= _settings(trial.user_attrs.get("settings", {}), trial.distributions)
    for name, value in there.items():
        if identity.get(name) != value:
            raise CourseError(
                f"The study {found.study_name!r} is there already, and it is another one: its "
                f"{name} is {value!s:.200}, here it is {identity.get(name)!s:.200}. Use the "
                "same, or another storage."
            )
    if kept is None:
        found.set_user_attr(IDENTITY, identity)


@contextlib.contextmanager
def _told_in_a_line() -> Iterator[None]:
    """Of a trial that failed, or that Ctrl-C ended, optuna's log also prints the way through our
    code; its first line says all."""

    def shorten(record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True

    handlers = optuna.logging.get_logger("optuna").handlers
    for handler in handlers:
        handler.addFilter(shorten)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(shorten)


@contextlib.contextmanager
def _told_by_the_storage() -> Iterator[None]:
    """Where the end of a trial can't be written, optuna stumbles over that: say what came first."""
    try:
        yield
    except AssertionError as error:
        if isinstance(error.__context__, CourseError):
            raise error.__context__ from None
        raise
